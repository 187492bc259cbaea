//! The worked examples of the standard, and the failures that a trace would hardly meet by chance.

mod failures;
mod settlement;
mod stage;

use super::*;
use crate::ids::ResultDigest;
use crate::order::*;
use stage::*;
