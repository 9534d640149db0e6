//! Rust files as tokens: comments and texts are out of the way, and code for tests can be told from what ships.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below a folder.
pub fn rust_files(base: &Path) -> Vec<PathBuf> {
    files(base, &["rs"])
}

/// Every file below a folder with one of these extensions, but for what was built and what tools keep.
pub fn files(base: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![base.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display())) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() && name != "target" && !name.starts_with('.') {
                open.push(path);
            } else if path.extension().is_some_and(|found| extensions.iter().any(|wanted| found == *wanted)) {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "nothing to check below {}", base.display());
    found.sort();
    found
}

/// A file, in tokens.
pub struct Source {
    all: Vec<TokenTree>,
    /// Without items behind `#[cfg(test)]`.
    shipped: Vec<TokenTree>,
}

impl Source {
    pub fn read(path: &Path) -> Self {
        Self::parse(&fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display())))
    }

    pub fn parse(text: &str) -> Self {
        let all: Vec<TokenTree> = text.parse::<TokenStream>().unwrap().into_iter().collect();
        Self { shipped: without_tests(&all), all }
    }

    /// The lines at which a word stands, for tests or not.
    pub fn words(&self, word: &str) -> impl Iterator<Item = usize> {
        let mut lines = Vec::new();
        visit(&self.all, &mut |tokens| {
            if let [TokenTree::Ident(ident), ..] = tokens
                && ident == word
            {
                lines.push(ident.span().start().line);
            }
        });
        lines.into_iter()
    }

    /// Whether a module is declared in what ships.
    pub fn ships(&self, module: &str) -> bool {
        let is = |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(ident) if ident == word);
        self.shipped.windows(2).any(|pair| is(&pair[0], "mod") && is(&pair[1], module))
    }

    /// The names at the root of the crate that what ships refers to, with their lines. `depth` is how far below the root the
    /// file's module stands.
    pub fn imports(&self, depth: usize) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        find_imports(&self.shipped, depth, &mut found);
        found
    }
}

/// Calls with every suffix of every group's tokens.
fn visit(tokens: &[TokenTree], see: &mut impl FnMut(&[TokenTree])) {
    for (at, token) in tokens.iter().enumerate() {
        see(&tokens[at..]);
        if let TokenTree::Group(group) = token {
            visit(&inside(group), see);
        }
    }
}

fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn is_punct(token: Option<&TokenTree>, c: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == c)
}

fn braces(token: Option<&TokenTree>) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    }
}

/// The same tokens without items behind `#[cfg(test)]`, at the top and inside modules.
fn without_tests(tokens: &[TokenTree]) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let attribute = match tokens.get(at + 1) {
            Some(TokenTree::Group(group)) if is_punct(Some(token), '#') => group.stream().to_string().replace(' ', ""),
            _ => String::new(),
        };
        if attribute == "cfg(test)" {
            // The item ends with its first block or semicolon; `use a::{b};` with the semicolon after the block.
            let is_use = tokens[at..].iter().take(4).any(|token| matches!(token, TokenTree::Ident(ident) if ident == "use"));
            while let Some(token) = tokens.get(at) {
                at += 1;
                if is_punct(Some(token), ';') || (!is_use && braces(Some(token)).is_some()) {
                    break;
                }
            }
            continue;
        }
        kept.push(token.clone());
        at += 1;
    }
    kept
}

fn find_imports(tokens: &[TokenTree], depth: usize, found: &mut Vec<(usize, String)>) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(ident) if ident == "mod" && braces(tokens.get(at + 2)).is_some() => {
                if let Some(group) = braces(tokens.get(at + 2)) {
                    find_imports(&without_tests(&inside(group)), depth + 1, found);
                }
                at += 2;
            }
            TokenTree::Ident(ident) if ident == "crate" => root_names(&tokens[at + 1..], found),
            TokenTree::Ident(ident) if ident == "super" => {
                let mut ups = 1;
                while matches!(tokens.get(at + 3), Some(TokenTree::Ident(ident)) if ident == "super") {
                    (at, ups) = (at + 3, ups + 1);
                }
                if ups == depth {
                    root_names(&tokens[at + 1..], found);
                }
            }
            TokenTree::Group(group) => find_imports(&without_tests(&inside(group)), depth, found),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
}

/// What follows `crate` or the `super` that is the root: `::name` or `::{name, ...}`.
fn root_names(tokens: &[TokenTree], found: &mut Vec<(usize, String)>) {
    if !is_punct(tokens.first(), ':') || !is_punct(tokens.get(1), ':') {
        return;
    }
    match tokens.get(2) {
        Some(TokenTree::Ident(ident)) => found.push((ident.span().start().line, ident.to_string())),
        Some(TokenTree::Group(group)) => {
            let tokens = inside(group);
            for part in tokens.split(|token| is_punct(Some(token), ',')) {
                if let Some(TokenTree::Ident(ident)) = part.first() {
                    found.push((ident.span().start().line, ident.to_string()));
                }
            }
        }
        Some(TokenTree::Punct(_) | TokenTree::Literal(_)) | None => {}
    }
}
