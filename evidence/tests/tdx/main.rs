//! Evidence of TDs: real quotes with real collateral, and a simulated Intel for
//! what no public quote shows. Good evidence passes, each single change is
//! refused for its own reason, each flipped byte is refused.

#[cfg(test)]
mod expectations;
#[cfg(test)]
mod flips;
#[cfg(test)]
mod intel;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod real;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod world;
