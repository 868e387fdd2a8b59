//! Playbooks of SOARCA: what it runs is run, what it refuses is refused.

use crate::shared;
use respond::playbook::read;
use respond::run::{End, STEPS_TAKEN_MAX, rehearse};

#[test]
fn playbooks_of_others_are_run_or_refused_with_the_reason() {
    let Some(folder) = shared("protocol-cacao/soarca-playbooks") else { return };
    let mut seen = 0;
    let folders = ["examples", "test/playbooks", "test/integration/api/routes"];
    for file in folders.iter().filter_map(|name| std::fs::read_dir(folder.join(name)).ok()).flatten() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|ext| ext != "json") {
            continue;
        }
        seen += 1;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        match read(&text) {
            Ok((playbook, _)) => {
                assert!(!name.contains("invalid") && name != "changed-playbook.json", "{name} was taken");
                let rehearsal = rehearse(&playbook, &[]).unwrap();
                assert!(rehearsal.taken <= STEPS_TAKEN_MAX, "{name}");
                match rehearsal.end.unwrap() {
                    End::Completed => assert!(!rehearsal.tasks.is_empty(), "{name}"),
                    end => assert!(name.contains("infinite"), "{name} ended as {end:?}"),
                }
            }
            Err(refused) => {
                let refusable = ["invalid", "changed", "missing"];
                assert!(refusable.iter().any(|word| name.contains(word)), "{name}: {refused}");
                let expected = match name.as_str() {
                    "invalid_playbook.json" => "/agent_definitions/",
                    "changed-playbook.json" => "/workflow",
                    _ => "/",
                };
                assert!(
                    refused.complaints.iter().any(|c| c.pointer.starts_with(expected)),
                    "{name}: {refused}"
                );
            }
        }
    }
    assert!(seen >= 5, "{seen} playbooks were found");
}
