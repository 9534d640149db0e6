//! Who looks at a page.

use super::refusal::Refusal;
use crate::desk::{Actor, Moment, Problem, SignedIn};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// Somebody who has signed in. A page that takes this cannot be seen by anybody else.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) actor: Actor,
}

/// When the visit before this one ended, of somebody who was here before.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastVisit(pub(super) Option<Moment>);

/// The session that somebody has, for pages about it.
#[derive(Debug, Clone)]
pub(super) struct OwnSession(pub(super) SignedIn);

fn nobody() -> Refusal {
    Problem::denied("nobody has signed in", "sign in first").into()
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // Put there by whatever checked the session.
        parts.extensions.get::<Self>().cloned().ok_or_else(nobody)
    }
}

impl<S: Sync> FromRequestParts<S> for LastVisit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<OwnSession>().and_then(|own| own.0.last_visit)))
    }
}

impl<S: Sync> FromRequestParts<S> for OwnSession {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(nobody)
    }
}
