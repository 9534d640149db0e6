//! Cards, addresses, peers, invitations and tickets: with whom this node has to do.

use super::column::{Cells, json, ms};
use super::error::Fault;
use csu_protocol::codec::Canonical;
use csu_protocol::id::{DeviceId, OrganisationId};
use csu_protocol::identity::{
    AddressRecord, Card, InvitationSecret, Name, OrganisationKind, SecurityNumber, Signature, SignedAddresses, SignedCard,
};
use csu_protocol::store::{Invitation, Joining, Pairing, Peer, Start};
use csu_protocol::time::Timestamp;
use rusqlite::{Connection, params};

/// Adds a card; one that is there already stays as it was, with who brought it first.
pub(super) fn put_card(db: &Connection, card: &SignedCard, brought_by: Option<&OrganisationId>) -> Result<(), Fault> {
    db.prepare_cached("INSERT INTO card (id, card, signature, brought_by) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING")?.execute(
        params![card.id().as_bytes(), card.card().to_canonical(), card.signature().as_bytes(), brought_by.map(OrganisationId::as_bytes)],
    )?;
    Ok(())
}

/// Replaces a device's addresses.
pub(super) fn put_addresses(db: &Connection, signed: &SignedAddresses) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO address (device, record, signature) VALUES (?1, ?2, ?3)
         ON CONFLICT (device) DO UPDATE SET record = excluded.record, signature = excluded.signature",
    )?
    .execute(params![signed.record().device.as_bytes(), signed.record().to_canonical(), signed.signature().as_bytes()])?;
    Ok(())
}

/// Adds or replaces a peer. When it was last seen stays.
pub(super) fn put_peer(db: &Connection, peer: &Peer) -> Result<(), Fault> {
    let (confirmed, we_confirmed, they_confirmed) = match peer.pairing {
        Pairing::Waiting { we_confirmed, they_confirmed } => (false, we_confirmed, they_confirmed),
        Pairing::Confirmed => (true, true, true),
    };
    db.prepare_cached(
        "INSERT INTO peer (organisation, name, kind, confirmed, we_confirmed, they_confirmed, paused, number, addresses, since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (organisation) DO UPDATE SET name = excluded.name, kind = excluded.kind, confirmed = excluded.confirmed,
             we_confirmed = excluded.we_confirmed, they_confirmed = excluded.they_confirmed, paused = excluded.paused,
             number = excluded.number, addresses = excluded.addresses, since = excluded.since",
    )?
    .execute(params![
        peer.organisation.as_bytes(),
        peer.name.as_str(),
        peer.kind.as_str(),
        confirmed,
        we_confirmed,
        they_confirmed,
        peer.paused,
        peer.number.to_string(),
        json(&peer.addresses)?,
        ms(peer.since)
    ])?;
    Ok(())
}

/// Forgets a peer.
pub(super) fn remove_peer(db: &Connection, organisation: &OrganisationId) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM peer WHERE organisation = ?1")?.execute([organisation.as_bytes()])?;
    Ok(())
}

/// Notes that a peer was connected at a time. An earlier time than the one noted changes nothing.
pub(super) fn seen(db: &Connection, organisation: &OrganisationId, at: Timestamp) -> Result<(), Fault> {
    db.prepare_cached("UPDATE peer SET last_seen = ?2 WHERE organisation = ?1 AND (last_seen IS NULL OR last_seen < ?2)")?
        .execute(params![organisation.as_bytes(), ms(at)])?;
    Ok(())
}

/// When a peer was last connected.
pub(super) fn last_seen(db: &Connection, organisation: &OrganisationId) -> Result<Option<Timestamp>, Fault> {
    let mut statement = db.prepare_cached("SELECT key, last_seen FROM peer WHERE organisation = ?1")?;
    let mut rows = statement.query([organisation.as_bytes()])?;
    match rows.next()? {
        Some(row) => Cells::new("peer", row)?.ms_or_null("last_seen"),
        None => Ok(None),
    }
}

/// Adds an invitation.
pub(super) fn put_invitation(db: &Connection, invitation: &Invitation) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO invitation (secret, expires) VALUES (?1, ?2) ON CONFLICT (secret) DO UPDATE SET expires = excluded.expires",
    )?
    .execute(params![invitation.secret.as_bytes(), ms(invitation.expires)])?;
    Ok(())
}

/// Removes an invitation.
pub(super) fn remove_invitation(db: &Connection, secret: &InvitationSecret) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM invitation WHERE secret = ?1")?.execute([secret.as_bytes()])?;
    Ok(())
}

/// Adds or replaces the ticket of an organisation.
pub(super) fn put_joining(db: &Connection, joining: &Joining) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO joining (organisation, device, addresses, secret, expires) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (organisation) DO UPDATE SET device = excluded.device, addresses = excluded.addresses,
             secret = excluded.secret, expires = excluded.expires",
    )?
    .execute(params![
        joining.organisation.as_bytes(),
        joining.device.as_bytes(),
        json(&joining.addresses)?,
        joining.secret.as_bytes(),
        ms(joining.expires)
    ])?;
    Ok(())
}

/// Removes the ticket of an organisation.
pub(super) fn remove_joining(db: &Connection, organisation: &OrganisationId) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM joining WHERE organisation = ?1")?.execute([organisation.as_bytes()])?;
    Ok(())
}

/// Everything a machine starts from but the documents.
pub(super) fn start(db: &Connection) -> Result<Start, Fault> {
    Ok(Start {
        cards: all(db, "card", "SELECT key, id, card, signature, brought_by FROM card ORDER BY key", card)?,
        addresses: all(db, "address", "SELECT key, device, record, signature FROM address ORDER BY key", addresses)?,
        peers: all(
            db,
            "peer",
            "SELECT key, organisation, name, kind, confirmed, we_confirmed, they_confirmed, paused, number, addresses, since
             FROM peer ORDER BY key",
            peer,
        )?,
        invitations: all(db, "invitation", "SELECT key, secret, expires FROM invitation ORDER BY key", |cells| {
            Ok(Invitation { secret: cells.id("secret", InvitationSecret::from_bytes)?, expires: cells.ms("expires")? })
        })?,
        joinings: all(db, "joining", "SELECT key, organisation, device, addresses, secret, expires FROM joining ORDER BY key", joining)?,
        ..Start::default()
    })
}

/// Every row of a table that `query` gives, decoded.
fn all<T>(
    db: &Connection,
    table: &'static str,
    query: &'static str,
    read: impl Fn(&Cells<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = db.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        values.push(read(&Cells::new(table, row)?)?);
    }
    Ok(values)
}

fn card(cells: &Cells<'_>) -> Result<(SignedCard, Option<OrganisationId>), Fault> {
    let bytes: Vec<u8> = cells.get("card")?;
    let card = Card::from_canonical(&bytes).map_err(|error| cells.wrong(error))?;
    let signed = SignedCard::verify(card, Signature::new(cells.get("signature")?)).map_err(|error| cells.wrong(error))?;
    if cells.get::<[u8; 32]>("id")? != *signed.id().as_bytes() {
        return Err(cells.wrong("the card is not the one that its id is the hash of"));
    }
    Ok((signed, cells.id_or_null("brought_by", OrganisationId::new)?))
}

fn addresses(cells: &Cells<'_>) -> Result<SignedAddresses, Fault> {
    let bytes: Vec<u8> = cells.get("record")?;
    let record = AddressRecord::from_canonical(&bytes).map_err(|error| cells.wrong(error))?;
    let signed = SignedAddresses::verify(record, Signature::new(cells.get("signature")?)).map_err(|error| cells.wrong(error))?;
    if cells.id("device", DeviceId::new)? != signed.record().device {
        return Err(cells.wrong("the record is another device's"));
    }
    Ok(signed)
}

fn peer(cells: &Cells<'_>) -> Result<Peer, Fault> {
    let (we_confirmed, they_confirmed) = (cells.get("we_confirmed")?, cells.get("they_confirmed")?);
    let confirmed: bool = cells.get("confirmed")?;
    Ok(Peer {
        organisation: cells.id("organisation", OrganisationId::new)?,
        name: cells.text("name", Name::new)?,
        kind: cells.text("kind", str::parse::<OrganisationKind>)?,
        pairing: if confirmed { Pairing::Confirmed } else { Pairing::Waiting { we_confirmed, they_confirmed } },
        paused: cells.get("paused")?,
        number: cells.text("number", |text| SecurityNumber::from_printed(text).ok_or("not a security number"))?,
        addresses: cells.json("addresses")?,
        since: cells.ms("since")?,
    })
}

fn joining(cells: &Cells<'_>) -> Result<Joining, Fault> {
    Ok(Joining {
        organisation: cells.id("organisation", OrganisationId::new)?,
        device: cells.id("device", DeviceId::new)?,
        addresses: cells.json("addresses")?,
        secret: cells.id("secret", InvitationSecret::from_bytes)?,
        expires: cells.ms("expires")?,
    })
}
