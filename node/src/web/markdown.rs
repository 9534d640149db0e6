//! Long texts that people wrote in Markdown, as HTML that can do no harm.
//!
//! Raw HTML is shown as the text it is, pictures leave their description, and links lead to the web or nowhere. Headings begin
//! below those of the page. Nothing is taken from a text but its words: no class, no style, no id.

use super::parts::is_web;
use crate::cli::screen::is_misleading;
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd, TextMergeStream};

/// Blocks and emphases inside each other; what is deeper stands without its frame. Browsers, too, give up at some depth.
const MOST_DEEP: usize = 12;

/// A text as it was meant, at most `MAX_MERGED_TEXT_BYTES` of the protocol long.
pub(super) fn prose(text: &str) -> Markup {
    let seen: String = text.chars().map(|c| if is_misleading(c) && !matches!(c, '\n' | '\t' | '\r') { '\u{fffd}' } else { c }).collect();
    let mut tame = Tame::default();
    let events = TextMergeStream::new(Parser::new_ext(&seen, Options::empty())).filter_map(|event| tame.tame(event));
    let mut out = String::new();
    pulldown_cmark::html::push_html(&mut out, events);
    html! { div class="csu-prose" dir="auto" { (PreEscaped(out)) } }
}

/// What was done with the tags that are open.
#[derive(Debug, Default)]
struct Tame {
    /// Of each open tag, whether it is shown.
    open: Vec<bool>,
}

impl Tame {
    fn tame<'a>(&mut self, event: Event<'a>) -> Option<Event<'a>> {
        match event {
            Event::Start(tag) => {
                let tag = self.start(tag);
                self.open.push(tag.is_some());
                tag.map(Event::Start)
            }
            Event::End(end) => self.open.pop().filter(|shown| *shown).map(|_| Event::End(below(end))),
            Event::Html(raw) | Event::InlineHtml(raw) => Some(Event::Text(raw)),
            text @ (Event::Text(_) | Event::Code(_) | Event::SoftBreak | Event::HardBreak | Event::Rule) => Some(text),
            // None of these comes without an option that is not set.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => Some(Event::Text(text)),
            Event::TaskListMarker(_) => None,
        }
    }

    /// What is shown of a tag that opens.
    fn start<'a>(&self, tag: Tag<'a>) -> Option<Tag<'a>> {
        if self.open.iter().filter(|shown| **shown).count() >= MOST_DEEP {
            return None;
        }
        if let Tag::Heading { level, .. } = tag {
            return Some(Tag::Heading { level: lower(level), id: None, classes: Vec::new(), attrs: Vec::new() });
        }
        if let Tag::CodeBlock(_) = tag {
            return Some(Tag::CodeBlock(CodeBlockKind::Indented));
        }
        if let Tag::Link { link_type, dest_url, id, .. } = tag {
            return is_web(&dest_url).then(|| Tag::Link { link_type, dest_url, title: "".into(), id });
        }
        // Pictures, the frame of raw HTML, and whatever an option would bring, leave their words alone.
        let plain = matches!(tag, Tag::Paragraph | Tag::BlockQuote(_) | Tag::List(_) | Tag::Item | Tag::Emphasis | Tag::Strong);
        plain.then_some(tag)
    }
}

fn below(end: TagEnd) -> TagEnd {
    if let TagEnd::Heading(level) = end { TagEnd::Heading(lower(level)) } else { end }
}

/// The page has a heading of the first level, its part one of the second, and each text one of the third.
const fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H4,
        HeadingLevel::H2 => HeadingLevel::H5,
        HeadingLevel::H3 | HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        prose(text).into_string()
    }

    #[test]
    fn markdown_is_shown_as_it_was_meant_below_the_headings_of_the_page() {
        let html = shown("# Gates\n\n*Both* ends:\n\n1. ask\n2. [fit](https://a.example/x?a=1&b=2)\n\n> said\n\n    code\n");
        for part in
            ["<h4>Gates</h4>", "<em>Both</em>", "<ol>", "<li>ask</li>", "href=\"https://a.example/x?a=1&amp;b=2\"", "<blockquote>", "<pre>"]
        {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn no_raw_html_picture_script_or_style_comes_out_of_a_text() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<div style=\"position:fixed\">\nx\n</div>",
            "<!-- --><b onclick=x>y</b>",
            "![a](https://a.example/x.png \"onload=x\")",
            "[a](javascript:alert(1)) <javascript:alert(1)> [b](data:text/html,x) [c](/log) [d](//a.example) [e][f]\n\n[f]: vbscript:x",
            "```x\" onclick=\"y\nz\n```",
            "[a](https://a.example \"\\\" onmouseover=\\\"x\")",
            "# a {#main-content .govuk-button onclick=x}",
        ] {
            let html = shown(text);
            for tag in
                ["<script", "<img", "<div style", "<b ", "onclick=\"", "class=\"language", "title=", "href=\"j", "href=\"d", "href=\"/"]
            {
                assert!(!html.contains(tag), "{tag} of {text}: {html}");
            }
            assert!(!html.contains("id=\""), "{html}");
        }
        assert!(shown("a <img src=x> b").contains("a &lt;img src=x&gt; b"));
        assert!(shown("![alley](https://a.example/x.png)").contains("alley"));
        assert!(shown("[a](javascript:x)").contains("<p>a</p>"));
    }

    #[test]
    fn what_turns_a_text_around_or_lies_too_deep_is_taken_out() {
        assert!(shown("a\u{202e}b").contains("a\u{fffd}b"));
        let html = shown(&format!("{}deep", "> ".repeat(5000)));
        assert!(html.contains("deep") && html.matches("<blockquote>").count() <= MOST_DEEP, "{}", html.len());
        assert_eq!(html.matches("<blockquote>").count(), html.matches("</blockquote>").count());
    }
}
