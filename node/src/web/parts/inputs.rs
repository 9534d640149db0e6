//! Inputs, each with its label, hint and error.

use maud::{Markup, html};

/// From so many choices on, one is picked from a list that opens.
const MANY_CHOICES: usize = 8;
/// What a small input holds, such as a day.
const DATE_PARTS: [(&str, &str, &str); 3] = [("day", "Day", "2"), ("month", "Month", "2"), ("year", "Year", "4")];

/// What an element of this name is called in the page: names may hold brackets and dots.
pub(super) fn id_of(name: &str) -> String {
    let mut id = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            id.push(c);
        } else if !id.ends_with('-') {
            id.push('-');
        }
    }
    id
}

/// One of several.
#[derive(Debug, Clone)]
pub(in crate::web) struct Choice {
    value: String,
    label: String,
    hint: String,
    /// What else is asked if this one is taken.
    more: Option<Markup>,
}

impl Choice {
    /// A choice, and what people see of it.
    pub(in crate::web) fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), hint: String::new(), more: None }
    }

    /// The same with a sentence that explains it.
    pub(in crate::web) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// The same with further inputs that count if it is taken.
    pub(in crate::web) fn more(self, more: Markup) -> Self {
        Self { more: Some(more), ..self }
    }
}

/// Something that a form asks for.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct Ask<'a> {
    name: &'a str,
    label: &'a str,
    hint: &'a str,
    error: Option<&'a str>,
    autocomplete: Option<&'a str>,
    /// The type of an `input`.
    kind: &'a str,
    /// In characters, of a short one: 2, 3, 4, 5, 10 or 20.
    width: Option<u8>,
    is_heading: bool,
}

impl<'a> Ask<'a> {
    /// Asks for a value of this name under this label.
    pub(in crate::web) const fn new(name: &'a str, label: &'a str) -> Self {
        Self { name, label, hint: "", error: None, autocomplete: None, kind: "text", width: None, is_heading: false }
    }

    /// The same with a sentence that helps.
    pub(in crate::web) const fn hint(self, hint: &'a str) -> Self {
        Self { hint, ..self }
    }

    /// The same with what was wrong with what was typed.
    pub(in crate::web) const fn error(self, error: Option<&'a str>) -> Self {
        Self { error, ..self }
    }

    /// The same for values that browsers know, such as `name` or `current-password`; `off` for those they must not keep.
    pub(in crate::web) const fn autocomplete(self, what: &'a str) -> Self {
        Self { autocomplete: Some(what), ..self }
    }

    /// The same with another type of input: `password`, `email`, `search`.
    pub(in crate::web) const fn kind(self, kind: &'a str) -> Self {
        Self { kind, ..self }
    }

    /// The same for so many characters: 2, 3, 4, 5, 10 or 20.
    pub(in crate::web) const fn width(self, characters: u8) -> Self {
        Self { width: Some(characters), ..self }
    }

    /// The same on a page that asks for this alone: its label is the heading of the page.
    pub(in crate::web) const fn heading(self) -> Self {
        Self { is_heading: true, ..self }
    }

    fn id(&self) -> String {
        id_of(self.name)
    }

    fn described_by(&self, more: &[&str]) -> Option<String> {
        let id = self.id();
        let mut ids = Vec::new();
        if !self.hint.is_empty() {
            ids.push(format!("{id}-hint"));
        }
        if self.error.is_some() {
            ids.push(format!("{id}-error"));
        }
        ids.extend(more.iter().map(|more| format!("{id}-{more}")));
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    fn label(&self) -> Markup {
        html! {
            @if self.is_heading {
                h1 class="govuk-label-wrapper" { label class="govuk-label govuk-label--l" for=(self.id()) { (self.label) } }
            } @else {
                label class="govuk-label govuk-label--s" for=(self.id()) { (self.label) }
            }
        }
    }

    fn notes(&self) -> Markup {
        let id = self.id();
        html! {
            @if !self.hint.is_empty() { div id={ (id) "-hint" } class="govuk-hint" { (self.hint) } }
            @if let Some(error) = self.error {
                p id={ (id) "-error" } class="govuk-error-message" { span class="govuk-visually-hidden" { "Error: " } (error) }
            }
        }
    }

    fn group(&self, class: &str, content: &Markup) -> Markup {
        let error = if self.error.is_some() { " govuk-form-group--error" } else { "" };
        html! { div class={ "govuk-form-group" (class) (error) } { (content) } }
    }

    /// One line.
    pub(in crate::web) fn line(&self, value: &str) -> Markup {
        let width = self.width.map(|width| format!(" govuk-input--width-{width}")).unwrap_or_default();
        let error = if self.error.is_some() { " govuk-input--error" } else { "" };
        self.group(
            "",
            &html! {
                (self.label())
                (self.notes())
                input class={ "govuk-input" (width) (error) } id=(self.id()) name=(self.name) type=(self.kind) value=(value)
                    aria-describedby=[self.described_by(&[])] autocomplete=[self.autocomplete];
            },
        )
    }

    /// A whole number.
    pub(in crate::web) fn number(&self, value: &str) -> Markup {
        let error = if self.error.is_some() { " govuk-input--error" } else { "" };
        self.group(
            "",
            &html! {
                (self.label())
                (self.notes())
                input class={ "govuk-input govuk-input--width-10" (error) } id=(self.id()) name=(self.name) type="text"
                    inputmode="numeric" value=(value) aria-describedby=[self.described_by(&[])];
            },
        )
    }

    /// Several lines; `most` characters if there is a limit to show.
    pub(in crate::web) fn lines(&self, value: &str, rows: u8, most: Option<usize>) -> Markup {
        let error = if self.error.is_some() { " govuk-textarea--error" } else { "" };
        let counted = if most.is_some() { " govuk-js-character-count" } else { "" };
        let area = html! {
            (self.label())
            (self.notes())
            textarea class={ "govuk-textarea" (counted) (error) } id=(self.id()) name=(self.name) rows=(rows)
                aria-describedby=[self.described_by(if most.is_some() { &["info"] } else { &[] })] autocomplete=[self.autocomplete] {
                // A browser takes a first line end away.
                "\n" (value)
            }
        };
        let Some(most) = most else { return self.group("", &area) };
        let error = if self.error.is_some() { " govuk-form-group--error" } else { "" };
        html! {
            div class={ "govuk-form-group govuk-character-count" (error) } data-module="govuk-character-count" data-maxlength=(most)
                data-threshold="75" {
                (area)
                div id={ (self.id()) "-info" } class="govuk-hint govuk-character-count__message" { "You can enter up to " (most) " characters" }
            }
        }
    }

    /// Inputs that belong together.
    pub(in crate::web) fn fieldset(&self, content: &Markup) -> Markup {
        let (size, inner) = if self.is_heading { ("l", true) } else { ("s", false) };
        self.group(
            "",
            &html! {
                fieldset class="govuk-fieldset" aria-describedby=[self.described_by(&[])] {
                    legend class={ "govuk-fieldset__legend govuk-fieldset__legend--" (size) } {
                        @if inner { h1 class="govuk-fieldset__heading" { (self.label) } } @else { (self.label) }
                    }
                    (self.notes())
                    (content)
                }
            },
        )
    }

    /// One of several, all in sight.
    pub(in crate::web) fn radios(&self, choices: &[Choice], chosen: &str) -> Markup {
        self.fieldset(&self.items("radios", "radio", choices, &[chosen]))
    }

    /// Any number of several.
    pub(in crate::web) fn checkboxes(&self, choices: &[Choice], chosen: &[&str]) -> Markup {
        self.fieldset(&self.items("checkboxes", "checkbox", choices, chosen))
    }

    fn items(&self, class: &str, kind: &str, choices: &[Choice], chosen: &[&str]) -> Markup {
        let small = if choices.len() >= MANY_CHOICES { format!(" govuk-{class}--small") } else { String::new() };
        html! {
            div class={ "govuk-" (class) (small) } data-module={ "govuk-" (class) } {
                @for (at, choice) in choices.iter().enumerate() {
                    // The first bears the name of all, so that an error leads to it.
                    @let id = if at == 0 { self.id() } else { format!("{}-{}", self.id(), at + 1) };
                    @let taken = chosen.contains(&choice.value.as_str());
                    div class={ "govuk-" (class) "__item" } {
                        input class={ "govuk-" (class) "__input" } id=(id) name=(self.name) type=(kind) value=(choice.value) checked[taken]
                            aria-describedby=[(!choice.hint.is_empty()).then(|| format!("{id}-item-hint"))]
                            data-aria-controls=[choice.more.as_ref().map(|_| format!("{id}-more"))];
                        label class={ "govuk-label govuk-" (class) "__label" } for=(id) { (choice.label) }
                        @if !choice.hint.is_empty() {
                            div id={ (id) "-item-hint" } class={ "govuk-hint govuk-" (class) "__hint" } { (choice.hint) }
                        }
                    }
                    @if let Some(more) = &choice.more {
                        @let hidden = if taken { String::new() } else { format!(" govuk-{class}__conditional--hidden") };
                        div class={ "govuk-" (class) "__conditional" (hidden) } id={ (id) "-more" } { (more) }
                    }
                }
            }
        }
    }

    /// One of several, of which one is in sight.
    pub(in crate::web) fn select(&self, choices: &[Choice], chosen: &str) -> Markup {
        let error = if self.error.is_some() { " govuk-select--error" } else { "" };
        self.group(
            "",
            &html! {
                (self.label())
                (self.notes())
                select class={ "govuk-select" (error) } id=(self.id()) name=(self.name) aria-describedby=[self.described_by(&[])] {
                    @for choice in choices {
                        option value=(choice.value) selected[choice.value == chosen] { (choice.label) }
                    }
                }
            },
        )
    }

    /// A date and a time of day, each part as it was typed: `name-day`, `-month`, `-year`, `-time`.
    pub(in crate::web) fn moment(&self, part: impl Fn(&str) -> String) -> Markup {
        let error = if self.error.is_some() { " govuk-input--error" } else { "" };
        let item = |part_name: &str, label: &str, width: &str, id: &str, value: &str, numeric: bool| {
            html! {
                div class="govuk-date-input__item" {
                    div class="govuk-form-group" {
                        label class="govuk-label govuk-date-input__label" for=(id) { (label) }
                        input class={ "govuk-input govuk-date-input__input govuk-input--width-" (width) (error) } id=(id)
                            name={ (self.name) "-" (part_name) } type="text" inputmode=[numeric.then_some("numeric")] value=(value);
                    }
                }
            }
        };
        self.fieldset(&html! {
            div class="govuk-date-input" {
                @for (at, (name, label, width)) in DATE_PARTS.into_iter().enumerate() {
                    @let id = if at == 0 { self.id() } else { format!("{}-{name}", self.id()) };
                    (item(name, label, width, &id, &part(name), true))
                }
                (item("time", "Time, such as 21:30", "5", &format!("{}-time", self.id()), &part("time"), false))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_has_its_label_hint_and_error_by_id_and_escapes_what_was_typed() {
        let ask = Ask::new("info[0].headline", "Headline").hint("Short.").error(Some("Too <long>"));
        let html = ask.line("\"><script>").into_string();
        assert!(html.contains("<label class=\"govuk-label govuk-label--s\" for=\"info-0-headline\">Headline</label>"), "{html}");
        assert!(html.contains("aria-describedby=\"info-0-headline-hint info-0-headline-error\""), "{html}");
        assert!(html.contains("Too &lt;long&gt;") && html.contains("value=\"&quot;&gt;&lt;script&gt;\""), "{html}");
        assert!(ask.lines("</textarea><b>", 5, Some(10)).into_string().contains("&lt;/textarea&gt;&lt;b&gt;"));
    }

    #[test]
    fn what_was_chosen_stays_chosen_and_the_first_choice_bears_the_name_of_all() {
        let choices = [Choice::new("a", "A"), Choice::new("b", "B").hint("Second.")];
        let html = Ask::new("x", "X").checkboxes(&choices, &["b"]).into_string();
        assert!(html.contains("id=\"x\" name=\"x\" type=\"checkbox\" value=\"a\" data") || html.contains("id=\"x\" name=\"x\""), "{html}");
        assert_eq!(html.matches(" checked").count(), 1, "{html}");
        assert!(html.contains("aria-describedby=\"x-2-item-hint\""), "{html}");
        assert!(Ask::new("x", "X").select(&choices, "b").into_string().contains("<option value=\"b\" selected>"));
    }
}
