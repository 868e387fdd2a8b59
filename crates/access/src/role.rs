//! What somebody is here, as a closed list. What a role may do is said in `content/policies/`.

use std::fmt;
use std::str::FromStr;

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One role.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Role { $($(#[$doc])* $name,)* }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Role] = &[$(Self::$name,)*];

            /// The name in the API, on the command line and in policies.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

roles! {
    /// Reports things.
    Reporter = "reporter",
    /// Works on incidents.
    Responder = "responder",
    /// Writes and stages rules.
    DetectionEngineer = "detection_engineer",
    /// Answers for services.
    ServiceOwner = "service_owner",
    /// Judges what people report.
    Moderator = "moderator",
    /// Answers for personal data.
    PrivacyOfficer = "privacy_officer",
    /// Checks what others did.
    Auditor = "auditor",
    /// May do everything.
    Admin = "admin",
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no role {0:?}; roles are: {list}", list = Role::ALL.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", "))]
pub struct ParseRoleError(pub String);

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ParseRoleError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|role| role.as_str() == text);
        found.copied().ok_or_else(|| ParseRoleError(text.chars().take(64).collect()))
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RoleSet(u8);

impl RoleSet {
    /// The roles of these names; a role of a newer version is one that this version does not know.
    pub fn of_names(names: &[String]) -> Self {
        names.iter().filter_map(|name| name.parse::<Role>().ok()).collect()
    }

    /// Whether `role` is in it.
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// Whether nobody could do anything with it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The roles in it, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.iter().copied().filter(move |role| self.has(*role))
    }

    /// Their names, sorted, as they are stored.
    pub fn names(self) -> Vec<String> {
        let mut names: Vec<String> = self.iter().map(|role| role.to_string()).collect();
        names.sort();
        names
    }
}

impl FromIterator<Role> for RoleSet {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |set, role| set | 1 << role as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(*role));
            let set = RoleSet::from_iter([*role]);
            assert_eq!(RoleSet::of_names(&set.names()), set);
        }
        let error = "root".parse::<Role>().unwrap_err().to_string();
        assert!(error.contains("root") && error.contains("admin"), "{error}");
        assert!(RoleSet::of_names(&["root".to_owned()]).is_empty());
    }
}
