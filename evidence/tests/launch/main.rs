//! Launch measurements: known answers, what each input changes, and hostile images.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod image;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod known;
