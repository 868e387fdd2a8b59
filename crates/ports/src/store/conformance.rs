//! What every store must do. A backend runs it all with [`store_conformance!`](crate::store_conformance) in its
//! tests; each case gets a fresh, empty store.
//!
//! Failures panic with what was promised, as assertions of a test do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "these are tests that live in a library so that every backend can run them"
)]

mod audit;
mod bench;
mod consumers;
mod containments;
mod desk;
mod incidents;
mod letters;
mod lists;
mod moderation;
mod people;
mod registry;
mod reports;
mod rules;
mod units;

pub use audit::{
    a_change_and_its_record_go_together, a_record_about_something_else_is_refused,
    entries_are_numbered_without_a_gap, erased_values_leave_their_leaf, records_are_found_by_action_and_time,
    records_are_listed,
};
pub use bench::{Bench, update_of};
pub use consumers::{
    answers_are_kept_until_they_expire, changes_are_numbered_and_awaited, dead_letters_open_again,
    positions_move_only_from_where_they_stand,
};
pub use containments::{
    a_lease_is_renewed_while_it_is_held, answers_are_delegated_for_a_time,
    containments_are_counted_and_follow_their_incident, containments_are_listed,
    containments_are_taken_by_one, one_of_a_connector_is_taken_at_a_time, runs_are_taken_by_one,
    runs_are_woken_by_what_they_wait_for, runs_keep_their_playbook, what_is_not_at_rest_has_something_due,
    what_is_taken_back_is_taken_first,
};
pub use desk::{
    a_timeline_tells_all_in_order, an_outline_names_the_gravest_of_each_rule,
    an_unmerge_takes_along_what_came_since, links_are_seen_from_both_ends, people_merge_and_take_it_back,
    splits_take_what_is_named, views_are_kept_and_shared,
};
pub use incidents::{
    a_new_incident_has_no_decisions, closed_or_merged_incidents_are_not_open, findings_are_stored_once,
    machines_never_overwrite_people, merges_move_findings_unless_people_worked_on_them,
    stale_edits_are_refused,
};
pub use letters::{letters_are_kept_and_forgotten, letters_are_taken_by_one};
pub use lists::{
    comments_and_findings_come_in_pages, facets_count_what_lists_show, lists_answer_every_filter,
    open_incidents_are_counted_by_service, pages_are_stable_under_inserts, rules_and_sources_are_facets,
};
pub use moderation::{
    appeals_are_made_and_decided_once, digests_are_published_once, people_say_how_to_be_thanked,
    rings_are_told_once,
};
pub use people::{
    links_open_once, lists_show_what_is_visible, people_are_versioned, sessions_rotate_and_end,
    tokens_belong_to_people,
};
pub use registry::{sources_are_versioned, tokens_are_found_by_secret};
pub use reports::{
    new_report, reports_are_decided_once, reports_are_listed, reports_are_spoken_about,
    reports_come_in_together, reports_have_few_files, reports_wait_to_be_published,
};
pub use rules::{
    a_stage_has_its_record, busy_rules_hide_no_budget, matches_add_up_by_day,
    rules_keep_their_stage_across_loads,
};
pub use units::{
    a_committed_unit_is_there_at_once, a_dropped_unit_leaves_nothing, a_failed_unit_cannot_be_committed,
    units_go_one_after_the_other,
};

/// Makes one `#[tokio::test]` of each case. `$fresh` is an async function without parameters that returns
/// something that gives `&dyn Store` by `as_store()`, such as a store with the folder it lives in.
#[macro_export]
macro_rules! store_conformance {
    ($fresh:path) => {
        $crate::store_conformance!(
            $fresh:
            a_dropped_unit_leaves_nothing
            a_committed_unit_is_there_at_once
            a_failed_unit_cannot_be_committed
            units_go_one_after_the_other
            a_change_and_its_record_go_together
            a_record_about_something_else_is_refused
            records_are_listed
            records_are_found_by_action_and_time
            entries_are_numbered_without_a_gap
            erased_values_leave_their_leaf
            a_new_incident_has_no_decisions
            stale_edits_are_refused
            machines_never_overwrite_people
            findings_are_stored_once
            closed_or_merged_incidents_are_not_open
            merges_move_findings_unless_people_worked_on_them
            lists_answer_every_filter
            facets_count_what_lists_show
            open_incidents_are_counted_by_service
            rules_and_sources_are_facets
            people_merge_and_take_it_back
            an_unmerge_takes_along_what_came_since
            splits_take_what_is_named
            an_outline_names_the_gravest_of_each_rule
            links_are_seen_from_both_ends
            a_timeline_tells_all_in_order
            views_are_kept_and_shared
            pages_are_stable_under_inserts
            comments_and_findings_come_in_pages
            positions_move_only_from_where_they_stand
            dead_letters_open_again
            answers_are_kept_until_they_expire
            changes_are_numbered_and_awaited
            tokens_are_found_by_secret
            sources_are_versioned
            people_are_versioned
            sessions_rotate_and_end
            links_open_once
            tokens_belong_to_people
            lists_show_what_is_visible
            rules_keep_their_stage_across_loads
            a_stage_has_its_record
            matches_add_up_by_day
            busy_rules_hide_no_budget
            reports_come_in_together
            reports_are_listed
            reports_are_decided_once
            reports_wait_to_be_published
            reports_are_spoken_about
            reports_have_few_files
            appeals_are_made_and_decided_once
            rings_are_told_once
            digests_are_published_once
            people_say_how_to_be_thanked
            containments_are_counted_and_follow_their_incident
            containments_are_listed
            containments_are_taken_by_one
            one_of_a_connector_is_taken_at_a_time
            a_lease_is_renewed_while_it_is_held
            what_is_taken_back_is_taken_first
            what_is_not_at_rest_has_something_due
            runs_keep_their_playbook
            runs_are_taken_by_one
            runs_are_woken_by_what_they_wait_for
            answers_are_delegated_for_a_time
            letters_are_taken_by_one
            letters_are_kept_and_forgotten
        );
    };
    ($fresh:path: $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let fresh = $fresh().await;
                $crate::store::conformance::$case(fresh.as_store()).await;
            }
        )+
    };
}
