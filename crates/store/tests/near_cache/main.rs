//! What the near cache may answer by itself: each rule with a schedule that breaks a cache without it.
mod claims;
mod flights;
mod kept;
mod overlaps;
mod scene;
mod stale;
