//! What stands in the paths and queries of the document.
#![expect(dead_code, reason = "only their descriptions are used: paths and queries are split by hand")]
use utoipa::{IntoParams, ToSchema};

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct User {
    /// Percent-encoded; clients may normalise the ids `.` and `..` away, and `POST /v1/get` is the way for those
    #[param(rename = "userId", min_length = 1, max_length = 1024)]
    user_id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct Campaign {
    /// Percent-encoded
    #[param(rename = "campaignKey", min_length = 1, max_length = 256)]
    campaign_key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Scope {
    /// Account and environment; the server's own if left out
    #[param(min_length = 1, max_length = 128)]
    scope: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Family {
    /// The family of campaigns
    #[param(inline)]
    kind: Option<Kind>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Overwrite {
    /// Store each line whatever is held, instead of claiming it
    overwrite: Option<bool>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase", default = "classic")]
pub(crate) enum Kind {
    Classic,
    Fme,
}
