//! One organisation's node of CSU Link: it performs what `csu-protocol` decides.
//!
//! # The loop
//!
//! ```text
//!   csu commands, pages, integrators          neighbours' nodes
//!            │ HTTP: Unix socket, or browser         │ libp2p: one session a neighbour
//!     http, web ──► desk ──► jobs ─┐      ┌─ arrivals ◄── network
//!                                  ▼      ▼               ▲  signatures are checked on the way,
//!                                 office (one thread)     │  several frames at once
//!                       protocol's machine │ storage      │
//!                                  │  one transaction     │
//!                                  └─ commit ─ then ──────┘  frames go out, answers are given
//! ```
//!
//! [`driver`] joins the parts, which know nothing of each other; [`office`] is the only one that
//! touches storage and the machine. Nothing is answered or sent before it is on disk.
//!
//! # The map
//!
//! | module | holds |
//! |---|---|
//! | [`config`], [`keys`] | settings in one order of precedence; secrets in files that only their owner reads |
//! | [`storage`] | SQLite: entries, cards, peers, drafts, listings, the access log |
//! | [`network`] | sessions with devices over libp2p; knows nothing of entries |
//! | [`desk`] | what may be asked of a node, as a trait and as the API's JSON |
//! | [`office`] | the answers: drafting, steps, sharing, pairing, exports, the log |
//! | [`http`] | the API on a Unix socket |
//! | [`web`] | the pages that people see in a browser |
//! | [`log_verb`], [`roles`] | what the access log records; what somebody with an account may do |
//! | [`cap`] | the Common Alerting Protocol, in and out |
//! | [`backup`], [`restoring`] | the node's data in one sealed file; a data folder from that file or the phrase alone |
//! | [`personal`] | what looks like personal data in a text |
//! | [`cli`] | the `csu` command, a client of the API |
//! | [`demo`] | three nodes and a day's work between them |
//! | [`driver`] | all of it, running |

pub mod backup;
pub mod cap;
pub mod cli;
pub mod config;
pub mod demo;
pub mod desk;
pub mod driver;
pub mod http;
pub mod keys;
pub mod log_verb;
pub mod network;
pub mod office;
pub mod personal;
pub mod restoring;
pub mod roles;
pub mod storage;
pub mod web;
