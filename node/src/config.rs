//! How a node is set up: defaults, then a TOML file, then the environment, then flags.
//!
//! Each later source wins. A name that nobody knows is refused with the nearest known one, so that a
//! mistyped setting never silently does nothing. The file is `csu.toml` in the data folder, or the one
//! that `--config` names; variables are the same names in capitals behind `CSU_`.
//!
//! Everything is an argument here, the environment included: nothing is read but the file.

use crate::desk::Actor;
use csu_protocol::sync::Budget;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The longest path a Unix socket may have, with room for the private folder it is made in.
pub const SOCKET_PATH_BYTES: usize = 100;
/// The largest configuration file that is read.
const FILE_BYTES: u64 = 64 * 1024;
/// MiB that each neighbour may bring in documents of neighbours, if no setting says: millions of bulletins.
const KEEP_MIB: u64 = 4096;
/// MiB that each neighbour may bring in documents of others.
const KEEP_STRANGERS_MIB: u64 = 256;
/// The longest time that a document can be kept, in months: a century.
pub const MONTHS: u32 = 1200;
/// The longest that destroying may be put off.
const ERASURE_GRACE_MOST_HOURS: u64 = 720;
/// The name of the configuration file in a data folder.
pub const FILE: &str = "csu.toml";
/// Variables that are not settings: where settings are, and what is logged.
const OTHER_VARIABLES: [&str; 3] = ["CSU_DATA", "CSU_CONFIG", "CSU_LOG"];
/// Where browsers reach the pages if nobody says.
const WEB: &str = "127.0.0.1:4821";
/// The word for no pages at all.
const WEB_OFF: &str = "off";
/// Where a node listens if nobody says.
const LISTEN: [&str; 2] = ["/ip4/0.0.0.0/udp/4820/quic-v1", "/ip4/0.0.0.0/tcp/4820"];

/// Why a node's settings cannot be used. The operator can mend it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The platform has no convention for where data lies, or no home folder is known.
    #[error("it is not known where to keep data: name a folder with --data FOLDER or CSU_DATA")]
    NoDataFolder,
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read ({why}): check its name and that you may read it", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The file is too large to be one.
    #[error("the configuration file {} has {found} bytes, and at most {FILE_BYTES} are read: is it the right file?", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        found: u64,
    },
    /// A setting that nobody knows.
    #[error("{place}: there is no setting '{name}'{}: mend it or remove it", near(.name))]
    Unknown {
        /// Which file or variable.
        place: String,
        /// The name that was found.
        name: String,
    },
    /// A setting of the wrong type, or a file that is no TOML.
    #[error("{place}: {why}: mend it or remove it")]
    Malformed {
        /// Which file or variable.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// A setting whose value cannot be used.
    #[error("{name}: '{found}' {why}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What was found, shortened.
        found: String,
        /// What is wrong and what to write.
        why: String,
    },
    /// The socket's path is longer than the system takes.
    #[error(
        "the socket's path {} has {found} bytes, and Unix sockets take at most {SOCKET_PATH_BYTES}: \
         set a shorter one, such as socket = \"/run/csu/csu.sock\" in csu.toml, or CSU_SOCKET",
        .path.display()
    )]
    SocketPath {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        found: usize,
    },
}

fn near(name: &str) -> String {
    let kinds = csu_protocol::document::kind::all().iter();
    let retention = kinds.flat_map(|kind| [format!("{}_months", kind.name), format!("{}_erase_months", kind.name)]);
    let known = Settings::NAMES.into_iter().map(str::to_owned).chain(retention);
    let best = known.max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    best.filter(|best| strsim::jaro_winkler(best, name) > 0.7).map(|best| format!("; did you mean '{best}'?")).unwrap_or_default()
}

/// Settings given on a command line. What is `None` or empty was not given.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Flags {
    /// The data folder.
    #[serde(skip)]
    pub data: Option<PathBuf>,
    /// The configuration file.
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Where to listen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<String>,
    /// Addresses to tell others besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub announce: Vec<String>,
    /// Whether to look for neighbours on the local network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mdns: Option<bool>,
    /// Where the API's socket is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
    /// Who acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// A file that holds the passphrase of the keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<PathBuf>,
}

/// What may stand in a file or the environment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    data: Option<PathBuf>,
    #[serde(deserialize_with = "one_or_many")]
    listen: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    announce: Vec<String>,
    mdns: bool,
    socket: Option<PathBuf>,
    socket_group: Option<String>,
    web: String,
    person: Option<String>,
    passphrase_file: Option<PathBuf>,
    keep_mib: u64,
    keep_strangers_mib: u64,
    erasure_grace_hours: u64,
    erase_at_end: bool,
    #[serde(default)]
    retention: BTreeMap<String, u32>,
}

impl Settings {
    const NAMES: [&str; 14] = [
        "data",
        "listen",
        "announce",
        "mdns",
        "socket",
        "socket_group",
        "web",
        "person",
        "passphrase_file",
        "keep_mib",
        "keep_strangers_mib",
        "erasure_grace_hours",
        "erase_at_end",
        "retention",
    ];
}

/// A list, or one text with commas, as a variable has it.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::Many(items) => items,
        Form::One(text) => text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect(),
    })
}

/// How this node is set up, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// The folder that holds everything: keys, database, socket.
    pub data: PathBuf,
    /// Multiaddresses to listen on.
    pub listen: Vec<String>,
    /// Multiaddresses to tell others besides: the public ones of a router or a name.
    pub announce: Vec<String>,
    /// Whether to look for neighbours on the local network.
    pub mdns: bool,
    /// The Unix socket of the API.
    pub socket: PathBuf,
    /// A group whose members may use the socket, besides the owner.
    pub socket_group: Option<String>,
    /// Where browsers reach the pages, on this computer; none: there are no pages.
    pub web: Option<SocketAddr>,
    /// Who acts if a command does not say.
    pub person: Option<String>,
    /// A file that holds the passphrase of the keys, if they are sealed and nobody is there to type it.
    pub passphrase_file: Option<PathBuf>,
    /// MiB of entries that each neighbour may bring, in documents of organisations paired with this node.
    pub keep_mib: u64,
    /// The same in documents of organisations that are not.
    pub keep_strangers_mib: u64,
    /// For how many hours content whose owner had it erased is kept, hidden, before it is destroyed: 0 to 720. Within them the
    /// owner's root key can take back what a thief of its device ordered.
    pub erasure_grace_hours: u64,
    /// Whether documents of this organisation are erased by the node itself when their end has come.
    pub erase_at_end: bool,
    /// For how long documents are kept, by what the file calls it: `bulletin_months`, after how many months without
    /// a change it is reviewed, and `bulletin_erase_months`, after how many it is erased; 0 is never.
    pub retention: BTreeMap<String, u32>,
}

/// Variables of the environment as a source of settings.
struct Variables(Dict);

impl Provider for Variables {
    fn metadata(&self) -> Metadata {
        Metadata::named("the environment (CSU_...)")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}

impl Config {
    /// Puts the settings together. `variables` is the environment, or a test's.
    ///
    /// # Errors
    /// When a source cannot be read, or says something that is unknown or cannot be used.
    pub fn load(flags: &Flags, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let variables: Vec<(String, String)> = variables.into_iter().filter(|(name, _)| name.starts_with("CSU_")).collect();
        let variable = |name: &str| variables.iter().find(|(found, value)| found == name && !value.is_empty()).map(|(_, value)| value);
        let explicit = flags.config.clone().or_else(|| variable("CSU_CONFIG").map(PathBuf::from));
        let named = flags.data.clone().or_else(|| variable("CSU_DATA").map(PathBuf::from));

        let mut figment = Figment::from(Serialized::default("listen", LISTEN))
            .merge(Serialized::default("announce", Vec::<String>::new()))
            .merge(Serialized::default("mdns", true))
            .merge(Serialized::default("web", WEB))
            .merge(Serialized::default("keep_mib", KEEP_MIB))
            .merge(Serialized::default("keep_strangers_mib", KEEP_STRANGERS_MIB))
            .merge(Serialized::default("erasure_grace_hours", 0))
            .merge(Serialized::default("erase_at_end", true));
        let own_file = named.clone().or_else(conventional_folder).map(|data| data.join(FILE)).filter(|file| file.exists());
        if let Some(file) = explicit.as_ref().or(own_file.as_ref()) {
            check_file(file)?;
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(Variables(settings_of(&variables))).merge(Serialized::defaults(flags));
        let settings: Settings = figment.extract_lossy().map_err(refusal)?;

        if explicit.is_none() && settings.data.is_some() {
            let found = settings.data.as_deref().map(|path| shorten(&path.display().to_string())).unwrap_or_default();
            let why = "stands in the data folder's own csu.toml, where it cannot move the folder: use --data or CSU_DATA".to_owned();
            return Err(ConfigError::Value { name: "data", found, why });
        }
        let data = named.or(settings.data.clone()).or_else(conventional_folder).ok_or(ConfigError::NoDataFolder)?;
        Self::checked(std::path::absolute(&data).unwrap_or(data), settings)
    }

    fn checked(data: PathBuf, settings: Settings) -> Result<Self, ConfigError> {
        check_addresses("listen", &settings.listen)?;
        check_addresses("announce", &settings.announce)?;
        if settings.listen.is_empty() {
            let why = "is no place to listen on: leave the setting out for the usual ones".to_owned();
            return Err(ConfigError::Value { name: "listen", found: String::new(), why });
        }
        if let Some(person) = &settings.person
            && let Err(problem) = Actor::named(person)
        {
            return Err(ConfigError::Value {
                name: "person",
                found: shorten(person),
                why: format!("cannot be used: {}", problem.detail()),
            });
        }
        if settings.erasure_grace_hours > ERASURE_GRACE_MOST_HOURS {
            return Err(ConfigError::Value {
                name: "erasure_grace_hours",
                found: settings.erasure_grace_hours.to_string(),
                why: format!("is longer than others can be made to wait: give 0 to {ERASURE_GRACE_MOST_HOURS}"),
            });
        }
        let retention = retention(&settings.retention)?;
        let web = web(&settings.web)?;
        let socket = data.join(settings.socket.unwrap_or_else(|| PathBuf::from("csu.sock")));
        let found = socket.as_os_str().len();
        if found > SOCKET_PATH_BYTES {
            return Err(ConfigError::SocketPath { path: socket, found });
        }
        Ok(Self {
            data,
            listen: settings.listen,
            announce: settings.announce,
            mdns: settings.mdns,
            socket,
            socket_group: settings.socket_group,
            web,
            person: settings.person,
            passphrase_file: settings.passphrase_file,
            keep_mib: settings.keep_mib,
            keep_strangers_mib: settings.keep_strangers_mib,
            erasure_grace_hours: settings.erasure_grace_hours,
            erase_at_end: settings.erase_at_end,
            retention,
        })
    }

    /// After how many months without a change documents of this kind are reviewed, and erased. None: never.
    #[must_use]
    pub fn keeps(&self, kind: &str) -> (Option<u32>, Option<u32>) {
        let months = |name: String| self.retention.get(&name).copied().filter(|months| *months > 0);
        (months(format!("{kind}_months")), months(format!("{kind}_erase_months")))
    }

    /// What to type into a browser on this computer to see the pages. By name, since passkeys work with names alone.
    #[must_use]
    pub fn pages(&self) -> Option<String> {
        self.web.map(|address| format!("http://localhost:{}/", address.port()))
    }

    /// How much each neighbour may bring.
    #[must_use]
    pub const fn budget(&self) -> Budget {
        Budget { neighbours: self.keep_mib.saturating_mul(1 << 20), strangers: self.keep_strangers_mib.saturating_mul(1 << 20) }
    }

    /// Who acts if a command does not say.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.person.as_deref().and_then(|person| Actor::named(person).ok()).unwrap_or_default()
    }
}

/// Where the pages are offered.
fn web(found: &str) -> Result<Option<SocketAddr>, ConfigError> {
    if found == WEB_OFF {
        return Ok(None);
    }
    let refused = |why: &str| ConfigError::Value { name: "web", found: shorten(found), why: why.to_owned() };
    let address: SocketAddr =
        found.parse().map_err(|_| refused("is no address and port: write one such as \"127.0.0.1:4821\", or \"off\" for no pages"))?;
    if !address.ip().is_loopback() {
        return Err(refused("is reached by other computers, and what is typed would cross the network in clear: write 127.0.0.1 or [::1]"));
    }
    Ok(Some(address))
}

/// The retention of every kind: what the settings say, else what the kind says for itself.
fn retention(given: &BTreeMap<String, u32>) -> Result<BTreeMap<String, u32>, ConfigError> {
    let mut all = BTreeMap::new();
    for kind in csu_protocol::document::kind::all() {
        all.insert(format!("{}_months", kind.name), kind.review_months);
        all.insert(format!("{}_erase_months", kind.name), 0);
    }
    for (name, months) in given {
        if !all.contains_key(name) {
            return Err(ConfigError::Unknown { place: "the settings under [retention]".to_owned(), name: shorten(name) });
        }
        if *months > MONTHS {
            let why = format!("months in [retention] are more than {MONTHS}: write fewer, or 0 for never");
            return Err(ConfigError::Value { name: "retention", found: format!("{} = {months}", shorten(name)), why });
        }
        all.insert(name.clone(), *months);
    }
    Ok(all)
}

/// Where the platform keeps data of programs.
fn conventional_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "csu-link").map(|folders| folders.data_local_dir().to_owned())
}

fn check_file(path: &Path) -> Result<(), ConfigError> {
    let unreadable = |why: String| ConfigError::Unreadable { path: path.to_owned(), why };
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("it is no file".to_owned()));
    }
    if metadata.len() > FILE_BYTES {
        return Err(ConfigError::TooLarge { path: path.to_owned(), found: metadata.len() });
    }
    Ok(())
}

fn settings_of(variables: &[(String, String)]) -> Dict {
    variables
        .iter()
        .filter(|(name, value)| !value.is_empty() && !OTHER_VARIABLES.contains(&name.as_str()) && !name.starts_with("CSU_TEST_"))
        .filter_map(|(name, value)| Some((name.strip_prefix("CSU_")?.to_ascii_lowercase(), Value::from(value.clone()))))
        .fold(Dict::new(), |mut settings, (name, value)| {
            match name.strip_prefix("retention_") {
                // CSU_RETENTION_BULLETIN_MONTHS stands for bulletin_months under [retention].
                Some(inner) => {
                    let table = settings.entry("retention".to_owned()).or_insert_with(|| Value::from(Dict::new()));
                    if let Value::Dict(_, table) = table {
                        table.insert(inner.to_owned(), value);
                    }
                }
                None => {
                    settings.insert(name, value);
                }
            }
            settings
        })
}

fn check_addresses(name: &'static str, addresses: &[String]) -> Result<(), ConfigError> {
    let limit = csu_protocol::limits::ADDRESSES;
    if addresses.len() > limit {
        let why = format!("addresses are too many, at most {limit} are announced: remove some");
        return Err(ConfigError::Value { name, found: addresses.len().to_string(), why });
    }
    for address in addresses {
        if address.len() > csu_protocol::limits::ADDRESS_BYTES || address.parse::<libp2p::Multiaddr>().is_err() {
            let why = "is not an address: write it as /ip4/192.0.2.1/udp/4820/quic-v1 or /dns/csu.example.org/tcp/4820".to_owned();
            return Err(ConfigError::Value { name, found: shorten(address), why });
        }
    }
    Ok(())
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn refusal(error: figment::Error) -> ConfigError {
    let place = error.metadata.as_ref().map_or_else(
        || "the settings".to_owned(),
        |metadata| match metadata.source.as_ref().and_then(figment::Source::file_path) {
            Some(path) => path.display().to_string(),
            None => metadata.name.to_string(),
        },
    );
    if let figment::error::Kind::UnknownField(name, _) = &error.kind {
        return ConfigError::Unknown { place, name: shorten(name) };
    }
    let at = error.path.join(".");
    let why = if at.is_empty() { error.kind.to_string() } else { format!("{at}: {}", error.kind) };
    ConfigError::Malformed { place, why: why.trim().replace('\n', " ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn folder(toml: &str) -> (tempfile::TempDir, Flags) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), toml).unwrap();
        let flags = Flags { data: Some(folder.path().to_owned()), ..Flags::default() };
        (folder, flags)
    }

    #[test]
    fn flags_win_over_the_environment_which_wins_over_the_file_which_wins_over_defaults() {
        let (folder, mut flags) = folder("mdns = false\nperson = \"file\"\nlisten = [\"/ip4/127.0.0.1/tcp/1\"]\n");
        let from_file = Config::load(&flags, []).unwrap();
        assert_eq!((from_file.mdns, from_file.person.as_deref()), (false, Some("file")));
        assert_eq!(from_file.socket, folder.path().join("csu.sock"));
        assert!(from_file.announce.is_empty());

        let environment = variables(&[
            ("CSU_PERSON", "environment"),
            ("CSU_MDNS", "true"),
            ("CSU_LISTEN", "/ip4/127.0.0.1/tcp/2, /ip4/127.0.0.1/tcp/3"),
            ("CSU_LOG", "debug"),
            ("HOME", "/nowhere"),
        ]);
        let from_environment = Config::load(&flags, environment.clone()).unwrap();
        assert_eq!((from_environment.mdns, from_environment.person.as_deref()), (true, Some("environment")));
        assert_eq!(from_environment.listen, ["/ip4/127.0.0.1/tcp/2", "/ip4/127.0.0.1/tcp/3"]);

        flags.person = Some("flag".into());
        flags.listen = vec!["/ip4/127.0.0.1/tcp/4".into()];
        let from_flags = Config::load(&flags, environment).unwrap();
        assert_eq!((from_flags.person.as_deref(), from_flags.listen.len()), (Some("flag"), 1));
    }

    #[test]
    fn without_any_setting_a_node_listens_on_its_usual_ports() {
        let (_folder, flags) = folder("");
        let config = Config::load(&flags, []).unwrap();
        assert_eq!(config.listen, LISTEN);
        assert!(config.mdns && config.socket_group.is_none());
    }

    #[test]
    fn an_unknown_setting_is_refused_with_its_place_and_the_nearest_known_one() {
        let (folder, flags) = folder("lisen = [\"/ip4/127.0.0.1/tcp/1\"]\n");
        let error = Config::load(&flags, []).unwrap_err().to_string();
        assert!(error.contains("'lisen'") && error.contains("'listen'"), "{error}");
        assert!(error.contains(&folder.path().join(FILE).display().to_string()), "{error}");
        std::fs::write(folder.path().join(FILE), "").unwrap();
        let error = Config::load(&flags, variables(&[("CSU_SOCKET_GROP", "wardens")])).unwrap_err().to_string();
        assert!(error.contains("environment") && error.contains("'socket_group'"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_used_are_refused_with_what_to_write() {
        for (toml, part) in [
            ("mdns = 7", "mdns"),
            ("mdns = ", "csu.toml"),
            ("listen = [\"4820\"]", "/ip4/192.0.2.1"),
            ("listen = []", "leave the setting out"),
            ("person = \"a\\u001bb\"", "person"),
            ("data = \"/elsewhere\"", "--data"),
            (
                "socket = \"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
                "at most 100",
            ),
        ] {
            let (_folder, flags) = folder(toml);
            let error = Config::load(&flags, []).unwrap_err().to_string();
            assert!(error.contains(part), "{toml}: {error}");
        }
        let (folder, mut flags) = folder(&"#".repeat(70_000));
        assert!(matches!(Config::load(&flags, []), Err(ConfigError::TooLarge { found: 70_000, .. })));
        flags.config = Some(folder.path().join("missing.toml"));
        assert!(matches!(Config::load(&flags, []), Err(ConfigError::Unreadable { .. })));
    }

    #[test]
    fn retention_is_that_of_each_kind_unless_a_file_or_the_environment_says_otherwise() {
        let (_folder, flags) = folder("[retention]\nbulletin_months = 6\nguide_erase_months = 60\n");
        let config = Config::load(&flags, variables(&[("CSU_RETENTION_NOTE_MONTHS", "0"), ("CSU_RETENTION_BULLETIN_ERASE_MONTHS", "18")]));
        let config = config.unwrap();
        assert_eq!(config.keeps("bulletin"), (Some(6), Some(18)));
        assert_eq!((config.keeps("guide").1, config.keeps("note")), (Some(60), (None, None)));
        assert!(toml::to_string(&config).unwrap().contains("[retention]"));
        for (toml, part) in [
            ("[retention]\nbuletin_months = 6", "did you mean 'bulletin_months'?"),
            ("[retention]\nbulletin_months = 1201", "0 for never"),
            ("[retention]\nbulletin_months = -1", "retention"),
            ("retention = 7", "retention"),
        ] {
            let (_folder, flags) = self::folder(toml);
            let error = Config::load(&flags, []).unwrap_err().to_string();
            assert!(error.contains(part), "{toml}: {error}");
        }
        let (_folder, flags) = self::folder("");
        assert_eq!(Config::load(&flags, []).unwrap().keeps("bulletin"), (Some(12), None), "kept for a year, then reviewed");
    }

    #[test]
    fn a_file_named_outright_may_say_where_the_data_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.toml");
        std::fs::write(&file, "data = \"/srv/csu\"\n").unwrap();
        let config = Config::load(&Flags { config: Some(file), ..Flags::default() }, []).unwrap();
        assert_eq!(config.data, PathBuf::from("/srv/csu"));
    }
}
