//! Journals across restarts, damage and their bounds.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;

use metacloud_store::{BATCH_MAX, Database, Durability, Journal, RECORD_BYTES_MAX, StoreError};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Event {
    Added { amount: u64 },
    Noted(String),
}

async fn open(path: &Path) -> (Database, Journal<Event>) {
    let database = Database::open(path, Durability::PowerCut).await.unwrap();
    let journal = Journal::open(&database, "machine").await.unwrap();
    (database, journal)
}

async fn replayed(journal: &Journal<Event>) -> Vec<Event> {
    let mut events = Vec::new();
    journal.replay(|event| events.push(event)).await.unwrap();
    events
}

fn added(amounts: std::ops::Range<u64>) -> Vec<Event> {
    amounts.map(|amount| Event::Added { amount }).collect()
}

#[tokio::test]
async fn what_was_appended_is_replayed_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let (database, mut journal) = open(&path).await;
    assert!(replayed(&journal).await.is_empty());
    assert_eq!(journal.latest_snapshot::<u64>().await.unwrap(), None);
    // More than one page of a replay.
    journal.append(&added(0..1500)).await.unwrap();
    journal.append(&[]).await.unwrap();
    journal.append(&[Event::Noted("é\0".into())]).await.unwrap();
    database.close().await;

    let (database, mut journal) = open(&path).await;
    let events = replayed(&journal).await;
    assert_eq!(events[..1500], added(0..1500));
    assert_eq!(events[1500..], [Event::Noted("é\0".into())]);
    assert_eq!(journal.since_snapshot(), 1501);
    journal.snapshot(&"state at 1501").await.unwrap();
    assert_eq!(journal.since_snapshot(), 0);
    journal.append(&added(7..9)).await.unwrap();
    database.close().await;

    let (_database, journal) = open(&path).await;
    assert_eq!(journal.latest_snapshot::<String>().await.unwrap().unwrap(), "state at 1501");
    assert_eq!(replayed(&journal).await, added(7..9));
}

#[tokio::test]
async fn a_snapshot_of_everything_leaves_numbers_rising() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let (database, mut journal) = open(&path).await;
    journal.append(&added(0..3)).await.unwrap();
    journal.snapshot(&1).await.unwrap();
    journal.snapshot(&2).await.unwrap();
    database.close().await;
    let (_database, mut journal) = open(&path).await;
    journal.append(&added(3..4)).await.unwrap();
    assert_eq!(replayed(&journal).await, added(3..4));
    assert_eq!(journal.latest_snapshot::<u64>().await.unwrap(), Some(2));
}

#[tokio::test]
async fn a_batch_is_kept_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let (_database, mut journal) = open(&dir.path().join("state.db")).await;
    let fits = Event::Noted("x".repeat(RECORD_BYTES_MAX - 12));
    let exceeds = Event::Noted("x".repeat(RECORD_BYTES_MAX - 11));
    let refused = journal.append(&[Event::Added { amount: 1 }, exceeds]).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { max_bytes: RECORD_BYTES_MAX, .. })));
    assert!(replayed(&journal).await.is_empty());
    journal.append(std::slice::from_ref(&fits)).await.unwrap();
    assert_eq!(replayed(&journal).await, [fits]);
    let many = vec![Event::Added { amount: 1 }; BATCH_MAX + 1];
    assert!(matches!(journal.append(&many).await, Err(StoreError::TooMany { .. })));
    assert_eq!(journal.since_snapshot(), 1);
}

#[tokio::test]
async fn journals_of_one_database_do_not_mix() {
    let dir = tempfile::tempdir().unwrap();
    let (database, mut journal) = open(&dir.path().join("state.db")).await;
    let mut other = Journal::<u64>::open(&database, "other").await.unwrap();
    journal.append(&added(0..2)).await.unwrap();
    other.append(&[5]).await.unwrap();
    other.snapshot(&5).await.unwrap();
    assert_eq!(replayed(&journal).await, added(0..2));
    assert_eq!(journal.latest_snapshot::<u64>().await.unwrap(), None);
}

#[tokio::test]
async fn damage_is_reported_never_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let (database, mut journal) = open(&path).await;
    journal.append(&added(0..5)).await.unwrap();
    let mut write = database.write().await.unwrap();
    sqlx::query("UPDATE journal_record SET body = '{\"Other\":1}' WHERE seq = 4")
        .execute(&mut *write)
        .await
        .unwrap();
    write.commit().await.unwrap();
    let unreadable = journal.replay(|_| {}).await;
    assert!(matches!(unreadable, Err(StoreError::Record { seq: 4, .. })));
    let mut write = database.write().await.unwrap();
    sqlx::query("DELETE FROM journal_record WHERE seq = 2").execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    let gap = journal.replay(|_| {}).await.unwrap_err();
    assert!(matches!(&gap, StoreError::Damaged(what) if what.contains("record 2")), "{gap}");
    database.close().await;

    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    let no_database = Database::open(&path, Durability::PowerCut).await.unwrap_err();
    assert!(matches!(&no_database, StoreError::Damaged(_)), "{no_database}");
}

#[tokio::test]
async fn an_uncommitted_write_leaves_nothing_and_blocks_no_reader() {
    let dir = tempfile::tempdir().unwrap();
    let (database, mut journal) = open(&dir.path().join("state.db")).await;
    journal.append(&added(0..1)).await.unwrap();
    let mut write = database.write().await.unwrap();
    sqlx::query("DELETE FROM journal_record").execute(&mut *write).await.unwrap();
    assert_eq!(replayed(&journal).await, added(0..1));
    drop(write);
    journal.append(&added(1..2)).await.unwrap();
    assert_eq!(replayed(&journal).await, added(0..2));
}
