//! Which processes run on this machine, by what is on their command line.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// A running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// Its command line, by spaces.
    pub command: String,
}

/// Processes, zombies left out, whose command line has this text. A demo's run directory lies below a
/// folder that each test makes for itself, so its path finds that demo's sidecars and no others.
pub fn processes_that_mention(text: &str) -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let processes = entries.filter_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        // A zombie has no command line any more.
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command)
            .replace('\0', " ")
            .trim()
            .to_owned();
        command.contains(text).then_some(Process { id, command })
    });
    processes.collect()
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Its share of memory: pages that several processes have count for each in part.
    pub pss_bytes: u64,
    /// Its memory with all that it shares.
    pub rss_bytes: u64,
    /// Time on processors, its own and the kernel's for it.
    pub cpu: Duration,
}

/// Reads what a process has used; `None` when it is gone.
pub fn usage(id: u32) -> Option<Usage> {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let bytes = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kilobytes * 1024)
    };
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may hold spaces; the 14th and 15th fields of all are the two times.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let cpu = Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND);
    Some(Usage {
        pss_bytes: bytes("Pss:")?,
        rss_bytes: bytes("Rss:")?,
        cpu,
    })
}

/// The unit of times in `/proc`, the same on every Linux that programs see.
const TICKS_PER_SECOND: u64 = 100;

/// TCP addresses at which a process accepts connections.
pub fn listening_addresses(id: u32) -> BTreeSet<SocketAddr> {
    let descriptors = fs::read_dir(format!("/proc/{id}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let own: BTreeSet<String> = descriptors
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|target| {
            Some(
                target
                    .to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        let table = fs::read_to_string(format!("/proc/{id}/net/{table}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(state), Some(inode)) = (fields.get(1), fields.get(3), fields.get(9))
            else {
                continue;
            };
            const LISTEN: &str = "0A";
            if *state == LISTEN && own.contains(*inode) {
                found.extend(parse_address(local));
            }
        }
    }
    found
}

/// The kernel writes addresses in hexadecimal: words of 32 bits in the machine's order, then the port.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let words: Option<Vec<u8>> = address
        .as_bytes()
        .chunks(8)
        .map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok())
        .collect::<Option<Vec<u32>>>()
        .map(|words| words.into_iter().flat_map(u32::to_ne_bytes).collect());
    let bytes = words?;
    let address = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(v4) => IpAddr::V4(Ipv4Addr::from(v4)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn addresses_of_the_kernel_are_read() {
        for (text, address) in [
            ("0100007F:4E21", "127.0.0.1:20001"),
            ("00000000000000000000000001000000:0050", "[::1]:80"),
            ("00000000:0016", "0.0.0.0:22"),
        ] {
            assert_eq!(parse_address(text), Some(address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_listener_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(listening_addresses(std::process::id()).contains(&listener.local_addr().unwrap()));
    }
}
