//! What a record of the Windows event log is to Sigma: the services of its channel, and the categories of its
//! channel and event id.
//!
//! Sources: the appendix "Taxonomy" of the Sigma specification 2.1 (categories and their event ids), the
//! logsource guides of the rules repository (services and their channels), and Microsoft's documentation of
//! Sysmon and of the security audit events. Channels are compared ignoring ASCII case, as Windows does.
//!
//! **Invariant:** the table is data and the functions are pure: the same channel and id always give the same
//! logsources.

use super::Logsource;

/// A field that a category's rules name, and the field of the record that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    /// As rules write it.
    pub rule: &'static str,
    /// As the record has it.
    pub record: &'static str,
    /// The record's words and what rules say for them; a word that is not listed stays.
    pub words: &'static [(&'static str, &'static str)],
}

/// One thing that a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Product, service where the channel has one, category where the event id has one.
    pub logsource: Logsource,
    /// Names that the category's rules use for the record's fields; empty where they are the same.
    pub aliases: &'static [Alias],
}

struct Service {
    name: &'static str,
    product: &'static str,
    channels: &'static [&'static str],
}

struct Category {
    name: &'static str,
    channels: &'static [&'static str],
    event_ids: &'static [u32],
    aliases: &'static [Alias],
}

const WINDOWS: &str = "windows";
const LINUX: &str = "linux";
const SECURITY: &[&str] = &["Security"];
const SYSMON: &[&str] = &["Microsoft-Windows-Sysmon/Operational"];
const SYSMON_LINUX: &[&str] = &["Linux-Sysmon/Operational"];
const SYSMON_ANY: &[&str] = &["Microsoft-Windows-Sysmon/Operational", "Linux-Sysmon/Operational"];
const POWERSHELL: &[&str] = &["Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational"];
const POWERSHELL_CLASSIC: &[&str] = &["Windows PowerShell"];
const DEFENDER: &[&str] = &["Microsoft-Windows-Windows Defender/Operational"];
const KERNEL_FILE: &[&str] = &["Microsoft-Windows-Kernel-File/Analytic"];
const WMI: &[&str] = &["Microsoft-Windows-WMI-Activity/Operational"];

const fn windows(name: &'static str, channels: &'static [&'static str]) -> Service {
    Service { name, product: WINDOWS, channels }
}

const fn category(
    name: &'static str,
    channels: &'static [&'static str],
    event_ids: &'static [u32],
) -> Category {
    Category { name, channels, event_ids, aliases: &[] }
}

const fn alias(rule: &'static str, record: &'static str) -> Alias {
    Alias { rule, record, words: &[] }
}

// tidy: table
const SERVICES: &[Service] = &[
    windows("application", &["Application"]),
    windows("security", SECURITY),
    windows("system", &["System"]),
    windows("sysmon", SYSMON),
    Service { name: "sysmon", product: LINUX, channels: SYSMON_LINUX },
    windows("powershell", POWERSHELL),
    windows("powershell-classic", POWERSHELL_CLASSIC),
    windows("windefend", DEFENDER),
    windows("wmi", WMI),
    windows("taskscheduler", &["Microsoft-Windows-TaskScheduler/Operational"]),
    windows(
        "applocker",
        &[
            "Microsoft-Windows-AppLocker/MSI and Script",
            "Microsoft-Windows-AppLocker/EXE and DLL",
            "Microsoft-Windows-AppLocker/Packaged app-Deployment",
            "Microsoft-Windows-AppLocker/Packaged app-Execution",
        ],
    ),
    windows("appmodel-runtime", &["Microsoft-Windows-AppModel-Runtime/Admin"]),
    windows("appxdeployment-server", &["Microsoft-Windows-AppXDeploymentServer/Operational"]),
    windows("appxpackaging-om", &["Microsoft-Windows-AppxPackaging/Operational"]),
    windows("bitlocker", &["Microsoft-Windows-BitLocker/BitLocker Management"]),
    windows("bits-client", &["Microsoft-Windows-Bits-Client/Operational"]),
    windows("capi2", &["Microsoft-Windows-CAPI2/Operational"]),
    windows(
        "certificateservicesclient-lifecycle-system",
        &["Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational"],
    ),
    windows("codeintegrity-operational", &["Microsoft-Windows-CodeIntegrity/Operational"]),
    windows("dhcp", &["Microsoft-Windows-DHCP-Server/Operational"]),
    windows("diagnosis-scripted", &["Microsoft-Windows-Diagnosis-Scripted/Operational"]),
    windows("dns-client", &["Microsoft-Windows-DNS Client Events/Operational"]),
    windows("dns-server", &["DNS Server"]),
    windows("dns-server-analytic", &["Microsoft-Windows-DNS-Server/Analytical"]),
    windows("driver-framework", &["Microsoft-Windows-DriverFrameworks-UserMode/Operational"]),
    windows("firewall-as", &["Microsoft-Windows-Windows Firewall With Advanced Security/Firewall"]),
    windows("hyper-v-worker", &["Microsoft-Windows-Hyper-V-Worker"]),
    windows("iis-configuration", &["Microsoft-IIS-Configuration/Operational"]),
    windows("kernel-event-tracing", &["Microsoft-Windows-Kernel-EventTracing"]),
    windows(
        "kernel-shimengine",
        &[
            "Microsoft-Windows-Kernel-ShimEngine/Operational",
            "Microsoft-Windows-Kernel-ShimEngine/Diagnostic",
        ],
    ),
    windows("ldap", &["Microsoft-Windows-LDAP-Client/Debug"]),
    windows("lsa-server", &["Microsoft-Windows-LSA/Operational"]),
    windows("microsoft-servicebus-client", &["Microsoft-ServiceBus-Client"]),
    windows("msexchange-management", &["MSExchange Management"]),
    windows("ntfs", &["Microsoft-Windows-Ntfs/Operational"]),
    windows("ntlm", &["Microsoft-Windows-NTLM/Operational"]),
    windows("openssh", &["OpenSSH/Operational"]),
    windows("printservice-admin", &["Microsoft-Windows-PrintService/Admin"]),
    windows("printservice-operational", &["Microsoft-Windows-PrintService/Operational"]),
    windows("sense", &["Microsoft-Windows-SENSE/Operational"]),
    windows(
        "security-mitigations",
        &[
            "Microsoft-Windows-Security-Mitigations/KernelMode",
            "Microsoft-Windows-Security-Mitigations/UserMode",
        ],
    ),
    windows("servicebus-client", &["Microsoft-ServiceBus-Client"]),
    windows("shell-core", &["Microsoft-Windows-Shell-Core/Operational"]),
    windows("smbclient-connectivity", &["Microsoft-Windows-SmbClient/Connectivity"]),
    windows("smbclient-security", &["Microsoft-Windows-SmbClient/Security"]),
    windows("smbserver-connectivity", &["Microsoft-Windows-SMBServer/Connectivity"]),
    windows(
        "terminalservices-localsessionmanager",
        &["Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"],
    ),
    windows("vhdmp", &["Microsoft-Windows-VHDMP/Operational"]),
];

/// 4688 has the new process under names of its own; values are as Windows writes them.
const PROCESS_CREATION_4688: &[Alias] = &[
    alias("Image", "NewProcessName"),
    alias("ParentImage", "ParentProcessName"),
    alias("ProcessId", "NewProcessId"),
    alias("ParentProcessId", "ProcessId"),
    alias("User", "SubjectUserName"),
    alias("LogonId", "SubjectLogonId"),
    alias("IntegrityLevel", "MandatoryLabel"),
];

/// The filtering platform says the direction by the number of a message.
const NETWORK_CONNECTION_5156: &[Alias] = &[
    alias("Image", "Application"),
    alias("ProcessId", "ProcessID"),
    alias("SourceIp", "SourceAddress"),
    alias("DestinationIp", "DestAddress"),
    alias("DestinationPort", "DestPort"),
    Alias { rule: "Initiated", record: "Direction", words: &[("%%14593", "true"), ("%%14592", "false")] },
];

const REGISTRY_4657: &[Alias] = &[
    alias("TargetObject", "ObjectName"),
    alias("Details", "NewValue"),
    alias("Image", "ProcessName"),
    alias("User", "SubjectUserName"),
    Alias {
        rule: "EventType",
        record: "OperationType",
        words: &[("%%1904", "CreateKey"), ("%%1905", "SetValue"), ("%%1906", "DeleteValue")],
    },
];

const WMI_5861: &[Alias] = &[alias("Destination", "PossibleCause")];

// tidy: table
const CATEGORIES: &[Category] = &[
    category("process_creation", SYSMON_ANY, &[1]),
    Category {
        name: "process_creation",
        channels: SECURITY,
        event_ids: &[4688],
        aliases: PROCESS_CREATION_4688,
    },
    category("file_change", SYSMON_ANY, &[2]),
    category("network_connection", SYSMON_ANY, &[3]),
    Category {
        name: "network_connection",
        channels: SECURITY,
        event_ids: &[5156],
        aliases: NETWORK_CONNECTION_5156,
    },
    category("sysmon_status", SYSMON_ANY, &[4, 16]),
    category("process_termination", SYSMON_ANY, &[5]),
    category("driver_load", SYSMON, &[6]),
    category("image_load", SYSMON, &[7]),
    category("create_remote_thread", SYSMON, &[8]),
    category("raw_access_thread", SYSMON_ANY, &[9]),
    category("process_access", SYSMON_ANY, &[10]),
    category("file_event", SYSMON_ANY, &[11]),
    category("registry_event", SYSMON, &[12, 13, 14]),
    category("registry_add", SYSMON, &[12]),
    category("registry_delete", SYSMON, &[12]),
    category("registry_set", SYSMON, &[13]),
    category("registry_rename", SYSMON, &[14]),
    Category { name: "registry_event", channels: SECURITY, event_ids: &[4657], aliases: REGISTRY_4657 },
    Category { name: "registry_add", channels: SECURITY, event_ids: &[4657], aliases: REGISTRY_4657 },
    Category { name: "registry_set", channels: SECURITY, event_ids: &[4657], aliases: REGISTRY_4657 },
    category("create_stream_hash", SYSMON, &[15]),
    category("pipe_created", SYSMON, &[17, 18]),
    category("wmi_event", SYSMON, &[19, 20, 21]),
    Category { name: "wmi_event", channels: WMI, event_ids: &[5861], aliases: WMI_5861 },
    category("dns_query", SYSMON, &[22]),
    category("file_delete", SYSMON_ANY, &[23, 26]),
    category("clipboard_capture", SYSMON, &[24]),
    category("process_tampering", SYSMON, &[25]),
    category("file_block_executable", SYSMON, &[27]),
    category("file_block_shredding", SYSMON, &[28]),
    category("file_executable_detected", SYSMON, &[29]),
    category("sysmon_error", SYSMON_ANY, &[255]),
    category("file_access", KERNEL_FILE, &[12]),
    category("file_rename", KERNEL_FILE, &[11, 19, 27]),
    category("ps_module", POWERSHELL, &[4103]),
    category("ps_script", POWERSHELL, &[4104]),
    category("ps_classic_start", POWERSHELL_CLASSIC, &[400]),
    category("ps_classic_provider_start", POWERSHELL_CLASSIC, &[600]),
    category("ps_classic_script", POWERSHELL_CLASSIC, &[800]),
    category(
        "antivirus",
        DEFENDER,
        &[1006, 1007, 1008, 1009, 1010, 1011, 1012, 1017, 1018, 1019, 1115, 1116],
    ),
];

fn names(channels: &[&str], channel: &str) -> bool {
    channels.iter().any(|known| known.eq_ignore_ascii_case(channel))
}

fn product(channel: &str) -> &'static str {
    SERVICES
        .iter()
        .find(|service| names(service.channels, channel))
        .map_or(WINDOWS, |service| service.product)
}

/// Everything that a record of `channel` with `event_id` is to Sigma: one entry for each pair of service and
/// category. A record of a channel that no rule names is of the product alone.
pub fn resolve(channel: &str, event_id: Option<u32>) -> Vec<Resolved> {
    let logsource = |category: Option<&str>, service: Option<&str>| Logsource {
        category: category.map(str::to_owned),
        product: Some(product(channel).to_owned()),
        service: service.map(str::to_owned),
        definition: None,
    };
    let services = SERVICES.iter().filter(|service| names(service.channels, channel));
    let mut services: Vec<_> = services.map(|service| Some(service.name)).collect();
    if services.is_empty() {
        services.push(None);
    }
    let is_of = |category: &&Category| {
        names(category.channels, channel) && event_id.is_some_and(|id| category.event_ids.contains(&id))
    };
    let categories: Vec<_> = CATEGORIES.iter().filter(is_of).collect();
    let mut found = Vec::new();
    for service in services {
        if categories.is_empty() {
            found.push(Resolved { logsource: logsource(None, service), aliases: &[] });
        }
        found.extend(categories.iter().map(|category| Resolved {
            logsource: logsource(Some(category.name), service),
            aliases: category.aliases,
        }));
    }
    found
}

/// Every channel that the table names, each once, with the event ids that have a category of their own there.
pub fn channels() -> Vec<(&'static str, Vec<u32>)> {
    let lists = SERVICES.iter().map(|s| s.channels).chain(CATEGORIES.iter().map(|c| c.channels));
    let mut channels: Vec<&str> = lists.flatten().copied().collect();
    channels.sort_unstable();
    channels.dedup();
    let event_ids = |channel: &str| {
        let here = CATEGORIES.iter().filter(|category| names(category.channels, channel));
        let mut ids: Vec<u32> = here.flat_map(|category| category.event_ids).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    channels.into_iter().map(|channel| (channel, event_ids(channel))).collect()
}

/// Every service that the channels of a product give.
pub fn services(product: &str) -> impl Iterator<Item = &'static str> {
    let of_product = SERVICES.iter().filter(move |service| service.product.eq_ignore_ascii_case(product));
    of_product.map(|service| service.name)
}

/// Every alias of the table.
pub fn aliases() -> impl Iterator<Item = &'static Alias> {
    CATEGORIES.iter().flat_map(|category| category.aliases)
}

/// The table as Markdown, for the reference.
pub fn markdown() -> String {
    let mut out = String::from("| product | service | channels |\n|---|---|---|\n");
    for Service { name, product, channels } in SERVICES {
        out.push_str(&format!("| `{product}` | `{name}` | {} |\n", channels.join("<br>")));
    }
    out.push_str("\n| category | channels | event ids | rules say → the record has |\n|---|---|---|---|\n");
    for Category { name, channels, event_ids, aliases } in CATEGORIES {
        let ids: Vec<_> = event_ids.iter().map(u32::to_string).collect();
        let aliases: Vec<_> = aliases.iter().map(|a| format!("`{}` → `{}`", a.rule, a.record)).collect();
        let (channels, ids, aliases) = (channels.join("<br>"), ids.join(", "), aliases.join(", "));
        out.push_str(&format!("| `{name}` | {channels} | {ids} | {aliases} |\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(channel: &str, event_id: Option<u32>) -> Vec<String> {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let label = |r: Resolved| {
            let Logsource { category, product, service, .. } = &r.logsource;
            format!(
                "{}/{}/{}{}",
                text(product),
                text(service),
                text(category),
                if r.aliases.is_empty() { "" } else { "*" }
            )
        };
        resolve(channel, event_id).into_iter().map(label).collect()
    }

    #[test]
    fn channel_and_event_id_resolve() {
        for (channel, id, expected) in [
            ("Microsoft-Windows-Sysmon/Operational", Some(1), &["windows/sysmon/process_creation"][..]),
            ("Linux-Sysmon/Operational", Some(1), &["linux/sysmon/process_creation"]),
            (
                "microsoft-windows-sysmon/operational",
                Some(13),
                &["windows/sysmon/registry_event", "windows/sysmon/registry_set"],
            ),
            ("Security", Some(4688), &["windows/security/process_creation*"]),
            ("security", Some(4624), &["windows/security/"]),
            ("Security", None, &["windows/security/"]),
            ("PowerShellCore/Operational", Some(4104), &["windows/powershell/ps_script"]),
            ("Windows PowerShell", Some(400), &["windows/powershell-classic/ps_classic_start"]),
            ("Microsoft-Windows-Windows Defender/Operational", Some(1116), &["windows/windefend/antivirus"]),
            ("Somebody's Own Log", Some(1), &["windows//"]),
        ] {
            assert_eq!(labels(channel, id), expected, "{channel} {id:?}");
        }
    }

    #[test]
    fn every_entry_of_the_table_can_be_reached() {
        let reached: Vec<_> = channels()
            .into_iter()
            .flat_map(|(channel, ids)| {
                ids.into_iter().map(Some).chain([None]).flat_map(move |id| labels(channel, id))
            })
            .collect();
        for service in SERVICES {
            let label = format!("{}/{}/", service.product, service.name);
            assert!(reached.iter().any(|r| r.starts_with(&label)), "{label}");
        }
        for category in CATEGORIES {
            assert!(
                reached.iter().any(|r| r.trim_end_matches('*').ends_with(category.name)),
                "{}",
                category.name
            );
        }
    }
}
