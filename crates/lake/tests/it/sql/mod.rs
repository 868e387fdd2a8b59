//! Questions over files and fresh batches.

mod answers;
mod fixture;
mod forbidden;
mod limits;
mod masking;
