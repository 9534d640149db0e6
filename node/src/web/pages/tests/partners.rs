//! Pairing and what is seen of neighbours, by forms alone.

use super::*;
use crate::desk::fake::FakeDesk;
use crate::office::now;
use csu_protocol::id::DeviceId;
use csu_protocol::identity::{InvitationSecret, Ticket};
use std::sync::{Arc, Mutex};

fn ticket(of: OrganisationId) -> String {
    let (device, expires) = (DeviceId::new([5; 32]), now().plus_ms(60_000));
    Ticket { organisation: of, device, addresses: Vec::new(), secret: InvitationSecret::from_bytes([6; 32]), expires }.to_string()
}

/// Asha before a desk that remembers what it was asked, and has a neighbour to be confirmed.
fn waiting() -> (Browser, Arc<Mutex<FakeDesk>>) {
    let (desk, mut jobs) = DeskHandle::channel(8);
    let fake = Arc::new(Mutex::new(FakeDesk::default()));
    let behind = Arc::clone(&fake);
    std::thread::spawn(move || {
        while let Some(job) = jobs.blocking_recv() {
            job(&mut *behind.lock().unwrap())(Ok(()));
        }
    });
    let site = Site { desk: desk.clone(), organisation: "Brixton".into() };
    let router = routes().with_state(site).layer(axum::Extension(Visitor { actor: Actor::named("Asha").unwrap() }));
    (Browser { router, desk, others: Vec::new() }, fake)
}

#[tokio::test]
async fn a_ticket_is_taken_as_text_or_as_a_link_and_leads_to_the_partner() {
    let browser = Browser::open();
    let other = OrganisationId::new([9; 32]);
    let link = format!("http://localhost:4822/partners/join?ticket={}", ticket(other));
    let to = browser.sent("/partners/join", &[("ticket", &link)]).await;
    assert_eq!(to, format!("/partners/{other}?done=joined"));
    let html = browser.page(&to).await;
    assert!(html.contains("Looking for it") && html.contains("security number is shown here once"), "{html}");
    assert!(browser.page("/partners").await.contains(&format!("/partners/{other}")));
    // Filled in from a link, and sent by a button alone.
    let form = browser.page("/partners/join?ticket=csu-x%22%3E%3Cscript%3E").await;
    assert!(form.contains("csu-x&quot;&gt;&lt;script&gt;"), "{form}");
    let answer = browser.post("/partners/join", &[("ticket", "csu-nonsense")]).await;
    assert!(answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.html.contains("href=\"#ticket\""), "{}", answer.html);
    let answer = browser.post("/partners/join", &[]).await;
    assert!(answer.html.contains("Paste the ticket"), "{}", answer.html);
    assert_eq!(browser.sent(&format!("/partners/{other}/remove"), &[]).await, "/partners?done=removed");
    assert!(browser.page("/partners?done=removed").await.contains("There are no neighbours yet"));
}

#[tokio::test]
async fn a_ticket_is_shown_as_text_link_and_picture_and_stands_in_no_address() {
    let (browser, fake) = waiting();
    browser.page("/partners/invite").await;
    let answer = browser.post("/partners/invite", &[("hours", "72")]).await;
    assert_eq!((answer.status, answer.to), (StatusCode::OK, None));
    for part in ["csu-ticket-abc", "<svg", "join?ticket=csu-ticket-abc", "tells no address"] {
        assert!(answer.html.contains(part), "{part}: {}", answer.html);
    }
    assert!(fake.lock().unwrap().asked.contains(&"Asha: invite Some(72)".to_owned()));
    let answer = browser.post("/partners/invite", &[("hours", "-1")]).await;
    assert!(answer.html.contains("href=\"#hours\""), "{}", answer.html);
    // A node that listens nowhere says so, and says it on the form.
    let real = Browser::open();
    assert_eq!(real.post("/partners/invite", &[("hours", "1000")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_security_number_is_shown_in_groups_and_confirmed_with_or_without_typing_it() {
    let (browser, fake) = waiting();
    let id = crate::desk::fake::organisation().id;
    let home = format!("/partners/{id}");
    let html = browser.page(&home).await;
    assert_eq!(html.matches("<li>12345</li>").count(), 5, "{html}");
    assert!(html.contains("The numbers are the same") && html.contains("on a number that you knew before today"), "{html}");
    assert_eq!(browser.sent(&format!("{home}/confirm"), &[]).await, format!("{home}?done=confirmed"));
    browser.sent(&format!("{home}/confirm"), &[("number", " 12345 12345 ")]).await;
    browser.sent(&format!("{home}/pause"), &[("paused", "yes")]).await;
    browser.sent(&format!("{home}/pause"), &[("paused", "no")]).await;
    assert_eq!(browser.post(&format!("{home}/pause"), &[]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let consequence = browser.page(&format!("{home}/remove")).await;
    assert!(consequence.contains("Roles that it has on documents stay granted"), "{consequence}");
    browser.sent(&format!("{home}/remove"), &[]).await;
    let asked = fake.lock().unwrap().asked.clone();
    let expected = [
        format!("Asha: confirm {id} None"),
        format!("Asha: confirm {id} Some(\"12345 12345\")"),
        format!("Asha: pause {id} true"),
        format!("Asha: pause {id} false"),
        format!("Asha: remove {id}"),
    ];
    assert_eq!(asked, expected);
    // No name or part of one leads to a neighbour, so that none is taken for another.
    assert_eq!(browser.get("/partners/Brixton").await.status, StatusCode::NOT_FOUND);
    assert!(browser.page("/").await.contains("compare the security number by telephone"));
}

#[tokio::test]
async fn what_is_shared_with_a_partner_is_told_both_ways() {
    let browser = Browser::open();
    let reference = browser.issued(&WHAT).await;
    let police = browser.others[0];
    browser.sent("/partners/join", &[("ticket", &ticket(police))]).await;
    let html = browser.page(&format!("/partners/{police}/shared")).await;
    assert!(html.contains("None of its documents is here") && html.contains("Bicycle thefts in Mill Road"), "{html}");
    assert!(html.contains(&format!("/documents/{reference}/access")), "{html}");
}
