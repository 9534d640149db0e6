//! Style sheets, scripts and pictures: what `node/web/vendor` fetched of others, and our own. They lie in the program, at
//! addresses that change with what they hold, so that a browser may keep them for good.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::sync::LazyLock;

/// A file that browsers load.
struct Asset {
    name: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($folder:literal / $name:literal),* $(,)?) => {
        &[$(Asset { name: $name, bytes: include_bytes!(concat!("../../web/", $folder, "/", $name)) }),*]
    };
}

const ASSETS: &[Asset] = assets![
    "vendored" / "govuk-frontend.min.css",
    "vendored" / "govuk-frontend.min.js",
    "vendored" / "htmx.min.js",
    "vendored" / "sse.min.js",
    "vendored" / "leaflet.css",
    "vendored" / "leaflet.js",
    "vendored" / "images/layers.png",
    "vendored" / "images/layers-2x.png",
    "vendored" / "images/marker-icon.png",
    "vendored" / "images/marker-icon-2x.png",
    "vendored" / "images/marker-shadow.png",
    "vendored" / "LICENSES.txt",
    "own" / "icon.svg",
    "own" / "site.css",
    "own" / "site.js",
];

/// Where they all lie: a folder named by what they hold.
static FOLDER: LazyLock<String> = LazyLock::new(|| {
    let mut hash = blake3::Hasher::new();
    for asset in ASSETS {
        hash.update(asset.name.as_bytes()).update(asset.bytes);
    }
    hash.finalize().to_hex().chars().take(16).collect()
});

/// The same bytes for whoever takes them compressed; none where that saves nothing.
static COMPRESSED: LazyLock<Vec<Option<Vec<u8>>>> = LazyLock::new(|| ASSETS.iter().map(compress).collect());

/// The address of a file, by its name.
pub(super) fn url(name: &str) -> String {
    format!("/assets/{}/{name}", *FOLDER)
}

pub(super) fn routes() -> Router {
    Router::new().route("/assets/{folder}/{*name}", get(asset))
}

fn compress(asset: &Asset) -> Option<Vec<u8>> {
    if asset.name.ends_with(".png") {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(asset.bytes).ok()?;
    encoder.finish().ok()
}

const fn kind(name: &str) -> &'static str {
    match name.as_bytes() {
        [.., b'.', b'c', b's', b's'] => "text/css; charset=utf-8",
        [.., b'.', b'j', b's'] => "text/javascript; charset=utf-8",
        [.., b'.', b'p', b'n', b'g'] => "image/png",
        [.., b'.', b's', b'v', b'g'] => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

async fn asset(Path((folder, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let found = ASSETS.iter().zip(COMPRESSED.iter()).find(|(asset, _)| asset.name == name);
    let (Some((asset, compressed)), true) = (found, folder == *FOLDER) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let takes_gzip = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("gzip"));
    let mut response = match compressed {
        Some(bytes) if takes_gzip => ([(CONTENT_ENCODING, "gzip")], bytes.as_slice()).into_response(),
        Some(_) | None => asset.bytes.into_response(),
    };
    let own = [
        (CONTENT_TYPE, HeaderValue::from_static(kind(asset.name))),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (VARY, HeaderValue::from_static("accept-encoding")),
    ];
    response.headers_mut().extend(own);
    response
}
