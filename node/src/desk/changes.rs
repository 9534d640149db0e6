//! What changed, told to whoever listens, right after the commit that made it last.
//!
//! Nothing here is queued without bound and nobody who listens holds anybody up: whoever is too slow is told to look again, which
//! is all that an event asks for anyway. An event never says what a document says.

use csu_protocol::id::{DocumentId, OrganisationId};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast::{self, error::RecvError};

/// Changes that wait for one who listens.
const WAITING: usize = 256;

/// What one commit changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The documents, at most [`Change::DOCUMENTS`].
    pub documents: Vec<ChangedDocument>,
    /// Whether there were more documents than those.
    pub more: bool,
    /// Whether a draft was begun, changed or thrown away.
    pub drafts: bool,
    /// Whether a neighbour came, went, or changed.
    pub peers: bool,
}

impl Change {
    /// The most documents that are named.
    pub const DOCUMENTS: usize = 64;

    /// Notes a document.
    pub(crate) fn note(&mut self, document: ChangedDocument) {
        if self.documents.contains(&document) {
            return;
        }
        if self.documents.len() < Self::DOCUMENTS {
            self.documents.push(document);
        } else {
            self.more = true;
        }
    }

    /// Whether a list of documents of this kind, or of all, may be different now.
    #[must_use]
    pub fn touches(&self, kind: Option<&str>) -> bool {
        let of_kind = |document: &ChangedDocument| kind.is_none_or(|kind| document.kind == kind);
        self.more || self.drafts || self.documents.iter().any(of_kind)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A document that changed, or was looked at for the first time since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedDocument {
    /// It.
    pub id: DocumentId,
    /// Its kind; `unknown` if this node may not read it.
    pub kind: String,
    /// Whose it is.
    pub owner: OrganisationId,
    /// Whether it is this node's own.
    pub own: bool,
}

/// What somebody who listens hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something changed.
    Change(Arc<Change>),
    /// More changed than waits for one who listens: anything may be different.
    LookAgain,
}

/// Where changes are told, and where to listen to them. Cloned freely.
#[derive(Debug, Clone)]
pub struct Changes(Arc<Mutex<Option<broadcast::Sender<Arc<Change>>>>>);

impl Default for Changes {
    fn default() -> Self {
        let (told, _nobody) = broadcast::channel(WAITING);
        Self(Arc::new(Mutex::new(Some(told))))
    }
}

impl Changes {
    /// Tells what changed.
    pub fn tell(&self, change: Change) {
        if !change.is_empty()
            && let Some(told) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner)
        {
            // That nobody listens is no error.
            told.send(Arc::new(change)).ok();
        }
    }

    /// Ends it for all who listen, because the node stops.
    pub fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Listens from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        Listener(self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(broadcast::Sender::subscribe))
    }
}

/// Somebody who listens.
#[derive(Debug)]
pub struct Listener(Option<broadcast::Receiver<Arc<Change>>>);

impl Listener {
    /// What changed next; none when the node stops. May be dropped at any time without missing anything.
    pub async fn next(&mut self) -> Option<News> {
        match self.0.as_mut()?.recv().await {
            Ok(change) => Some(News::Change(change)),
            Err(RecvError::Lagged(_)) => Some(News::LookAgain),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(number: usize) -> ChangedDocument {
        let id = DocumentId::new(*csu_protocol::id::Hash::of(&number.to_le_bytes()).as_bytes());
        ChangedDocument { id, kind: "guide".to_owned(), owner: OrganisationId::new([1; 32]), own: false }
    }

    #[tokio::test]
    async fn whoever_is_too_slow_is_told_to_look_again_and_goes_on_and_all_end_with_the_node() {
        let changes = Changes::default();
        let mut listener = changes.listen();
        changes.tell(Change::default());
        for _ in 0..=WAITING {
            changes.tell(Change { peers: true, ..Change::default() });
        }
        assert_eq!(listener.next().await, Some(News::LookAgain));
        for _ in 0..WAITING {
            assert!(matches!(listener.next().await, Some(News::Change(change)) if change.peers));
        }
        changes.tell(Change { drafts: true, ..Change::default() });
        changes.end();
        assert!(matches!(listener.next().await, Some(News::Change(change)) if change.drafts));
        assert_eq!((listener.next().await, changes.listen().next().await), (None, None));
    }

    #[test]
    fn a_change_of_many_documents_names_some_and_says_that_there_are_more() {
        let mut change = Change::default();
        (0..Change::DOCUMENTS).chain([0]).for_each(|number| change.note(document(number)));
        assert!(!change.more && !change.touches(Some("bulletin")) && change.touches(Some("guide")) && change.touches(None));
        change.note(document(Change::DOCUMENTS));
        assert!(change.more && change.documents.len() == Change::DOCUMENTS && change.touches(Some("bulletin")));
    }
}
