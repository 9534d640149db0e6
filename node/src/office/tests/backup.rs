//! Backups as the desk begins them.

use super::*;

/// An office whose keys are in its folder, as a real one's are.
fn with_keys() -> (tempfile::TempDir, Office) {
    let (folder, office, _) = office();
    office.keys.store(folder.path(), None).unwrap();
    (folder, office)
}

fn lines(office: &Office) -> usize {
    let log = office.storage.read_log(&crate::storage::LogFilter::default()).unwrap();
    log.iter().filter(|line| line.line.detail == BACKUP_LOGGED).count()
}

#[test]
fn one_backup_is_written_at_a_time_and_the_log_says_who_asked_for_it() {
    let (_folder, mut office) = with_keys();
    let jo = Actor::named("Jo").unwrap();
    let first = office.backup(&jo).unwrap();
    office.settle().unwrap();
    let refused = office.backup(&jo).unwrap_err();
    assert!(refused.to_string().contains("another backup") && refused.remedy().contains("wait"), "{refused}");
    let mut written = Vec::new();
    first.run(&mut written).unwrap();
    crate::backup::check(&mut written.as_slice()).unwrap();
    // The desk goes on meanwhile, and then for the next.
    drop(office.backup(&jo).unwrap());
    office.backup(&jo).unwrap();
    office.settle().unwrap();
    assert_eq!(lines(&office), 3);
}

#[test]
fn a_backup_that_cannot_be_sealed_is_refused_and_not_in_the_log() {
    let (folder, mut office) = with_keys();
    std::fs::remove_file(folder.path().join("keys/recovery.pub")).unwrap();
    let refused = office.backup(&Actor::default()).unwrap_err();
    assert!(refused.remedy().contains("csu backup --set-key"), "{refused}");
    office.settle().unwrap();
    assert_eq!(lines(&office), 0);
}

#[test]
fn a_node_that_is_being_restored_is_not_backed_up() {
    let (_folder, mut office) = with_keys();
    office.storage.begin_recovery(&[]).unwrap();
    let refused = office.backup(&Actor::default()).unwrap_err();
    assert!(refused.to_string().contains("being restored"), "{refused}");
    office.storage.end_recovery().unwrap();
    office.storage.commit().unwrap();
    office.backup(&Actor::default()).unwrap();
}
