//! Who looks at a page.

use super::refusal::Refusal;
use crate::desk::{Actor, Problem};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// Somebody who has signed in. A page that takes this cannot be seen by anybody else.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) actor: Actor,
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // Put there by whatever checked the session.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::denied("nobody has signed in", "sign in first").into())
    }
}
