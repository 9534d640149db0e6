//! Words, and all the forms in which they could have leaked.
//!
//! Searched for: the bytes of the word in UTF-8 and UTF-16 (both orders, in any case of ASCII letters), in hexadecimal, and in
//! base64 and base32 at every alignment; then the same in whatever can be decompressed at any place (DEFLATE, zlib, gzip).
//! Not searched for: what is encrypted. [`super::unsealed`] tries the keys.

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER};
use flate2::{Decompress, FlushDecompress};
use memchr::memmem::Finder;
use std::collections::BTreeSet;

/// Bytes up to which DEFLATE is tried at every place; beyond, only where zlib or gzip says that it begins.
const EVERY_PLACE: usize = 512 * 1024;
/// The most that one place is decompressed to.
const INFLATED: usize = 256 * 1024;
/// Less than this is what random bytes decompress to.
const MEANINGFUL: usize = 6;

struct Form {
    word: usize,
    name: &'static str,
    /// Whether it is looked for in lower case.
    folded: bool,
    finder: Finder<'static>,
}

/// Words to look for.
pub struct Needles {
    words: Vec<String>,
    forms: Vec<Form>,
}

impl std::fmt::Debug for Needles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Needles").field(&self.words).finish()
    }
}

impl Needles {
    /// Looks for these words.
    ///
    /// # Panics
    /// When one is so short that it is found anywhere by chance.
    #[must_use]
    pub fn of(words: &[&str]) -> Self {
        let mut needles = Self { words: words.iter().map(|word| (*word).to_owned()).collect(), forms: Vec::new() };
        for (at, word) in words.iter().enumerate() {
            assert!(word.len() >= 5, "'{word}' is too short to look for");
            let lower = word.to_lowercase();
            let wide = |to: fn(u16) -> [u8; 2]| lower.encode_utf16().flat_map(to).collect::<Vec<u8>>();
            needles.add(at, "UTF-8", true, lower.as_bytes());
            needles.add(at, "UTF-16LE", true, &wide(u16::to_le_bytes));
            needles.add(at, "UTF-16BE", true, &wide(u16::to_be_bytes));
            needles.add(at, "hexadecimal", true, HEXLOWER.encode(word.as_bytes()).as_bytes());
            for (name, encoding, bits) in [("base64", &BASE64_NOPAD, 6), ("base64url", &BASE64URL_NOPAD, 6), ("base32", &BASE32_NOPAD, 5)] {
                for form in aligned(encoding, bits, word.as_bytes()) {
                    let folded = bits == 5;
                    let form = if folded { form.to_ascii_lowercase() } else { form };
                    needles.add(at, name, folded, form.as_bytes());
                }
            }
        }
        needles
    }

    fn add(&mut self, word: usize, name: &'static str, folded: bool, bytes: &[u8]) {
        self.forms.push(Form { word, name, folded, finder: Finder::new(bytes).into_owned() });
    }

    /// The words.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Which words these bytes hold as they are, and in which form.
    #[must_use]
    pub fn plainly_in(&self, bytes: &[u8]) -> BTreeSet<String> {
        let lower = bytes.to_ascii_lowercase();
        let holds = |form: &&Form| form.finder.find(if form.folded { &lower } else { bytes }).is_some();
        let said = |form: &Form| format!("'{}' in {}", self.words.get(form.word).map_or("", String::as_str), form.name);
        self.forms.iter().filter(holds).map(said).collect()
    }

    /// The same, and in whatever of them decompresses.
    #[must_use]
    pub fn found_in(&self, bytes: &[u8]) -> BTreeSet<String> {
        let mut found = self.plainly_in(bytes);
        for (place, inflated) in inflated(bytes) {
            found.extend(self.plainly_in(&inflated).into_iter().map(|what| format!("{what}, compressed at {place}")));
        }
        found
    }
}

/// What bytes are in an encoding of so many bits a character, wherever they stand in a longer text: the characters that depend on
/// nothing but them.
fn aligned(encoding: &Encoding, bits: usize, bytes: &[u8]) -> Vec<String> {
    let group = if bits == 6 { 3 } else { 5 };
    let at = |before: usize| {
        let text = encoding.encode(&[vec![0; before], bytes.to_vec()].concat());
        let (first, last) = ((before * 8).div_ceil(bits), (before + bytes.len()) * 8 / bits);
        text.get(first..last).map(str::to_owned)
    };
    (0..group).filter_map(at).collect()
}

/// Whatever decompresses to something, and where.
fn inflated(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut all = Vec::new();
    for place in 0..bytes.len() {
        let rest = &bytes[place..];
        let zlib = matches!(rest, [first, second, ..] if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0);
        let after_gzip = rest.strip_prefix(&[0x1f, 0x8b, 8]).and_then(|rest| rest.get(7..));
        let tries =
            [zlib.then_some((rest, true)), after_gzip.map(|rest| (rest, false)), (bytes.len() <= EVERY_PLACE).then_some((rest, false))];
        for (from, header) in tries.into_iter().flatten() {
            let out = inflate(from, header);
            if out.len() >= MEANINGFUL {
                all.push((place, out));
            }
        }
    }
    all
}

fn inflate(bytes: &[u8], header: bool) -> Vec<u8> {
    let mut inflater = Decompress::new(header);
    let mut out = Vec::with_capacity(4096);
    loop {
        let (taken, given) = (inflater.total_in(), inflater.total_out());
        let rest = usize::try_from(taken).ok().and_then(|taken| bytes.get(taken..)).unwrap_or_default();
        let status = inflater.decompress_vec(rest, &mut out, FlushDecompress::None);
        let stuck = inflater.total_in() == taken && inflater.total_out() == given;
        // What came before an error was there nevertheless.
        if stuck || out.len() >= INFLATED || !matches!(status, Ok(flate2::Status::Ok | flate2::Status::BufError)) {
            return out;
        }
        if out.len() == out.capacity() {
            out.reserve(out.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use std::io::Write;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::DeflateEncoder::new(vec![0xff; 3], Compression::default());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn a_word_is_found_in_every_form_at_every_alignment_and_compressed() {
        let needles = Needles::of(&["Quillonbury"]);
        assert!(needles.found_in(b"nothing of the kind here, whatever the form").is_empty());
        for before in 0..8 {
            let text = [vec![b'x'; before], b"in Quillonbury again".to_vec()].concat();
            let wide = |to: fn(u16) -> [u8; 2]| String::from_utf8_lossy(&text).encode_utf16().flat_map(to).collect::<Vec<u8>>();
            for (form, bytes) in [
                ("UTF-8", text.to_ascii_uppercase()),
                ("UTF-16LE", wide(u16::to_le_bytes)),
                ("UTF-16BE", wide(u16::to_be_bytes)),
                ("hexadecimal", data_encoding::HEXUPPER.encode(&text).into_bytes()),
                ("base64", data_encoding::BASE64.encode(&text).into_bytes()),
                ("base64url", BASE64URL_NOPAD.encode(&text).into_bytes()),
                ("base32", BASE32_NOPAD.encode(&text).to_lowercase().into_bytes()),
                ("compressed", deflated(&text.repeat(9))),
            ] {
                let found = needles.found_in(&bytes);
                assert!(found.iter().any(|found| found.contains(form)), "{form} after {before}: {found:?}");
            }
        }
    }
}
