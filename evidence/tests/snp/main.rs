//! Simulated chains of every generation, version and kind of key: good evidence
//! passes, each single change is refused for its own reason, each flipped bit is
//! refused.

#[cfg(test)]
mod flips;
#[cfg(test)]
mod good;
#[cfg(test)]
mod json;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod newer;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tcb;
#[cfg(test)]
mod vendor;
#[cfg(test)]
mod world;
