//! The store that was in use before, while a team moves to another.
use super::Hidden;
use crate::cli::Failed;
use clap::Args;
use stayput::{
    ScanStore,
    layers::{Shadow, ShadowStats},
};
use std::sync::Arc;

/// Two stores at once.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Moving between stores")]
pub struct Moving {
    /// The store used before: claims go to both; what the store lacks is looked for here and carried over
    #[arg(long, value_name = "URL", env = "STAYPUT_SHADOW")]
    pub shadow: Option<Hidden>,
}

impl Moving {
    /// `store` with the other one behind it, if there is one, and what happens between them.
    pub async fn over(&self, store: Arc<dyn ScanStore>) -> Result<Behind, Failed> {
        let Some(old) = &self.shadow else { return Ok((store, None)) };
        let shadow = Shadow::new(store, stayput::open(old.reveal()).await?);
        let stats = shadow.stats();
        Ok((Arc::new(shadow), Some(stats)))
    }
}

/// A store, and what happens between it and the one behind it.
pub type Behind = (Arc<dyn ScanStore>, Option<Arc<ShadowStats>>);
