//! How many connections the system's limit of open files leaves room for.

/// Reserved for everything else: the SMSP, the stores, certificates, logs and threads.
const OTHERS: usize = 96;
/// Of what is left, the admin listener's part, and the part of callers who wait for a place, which is closed last.
const PARTS: usize = 8;

/// Places on the public listener and on the admin listener: `wanted` of each, or fewer.
pub fn for_connections(wanted: usize) -> [usize; 2] {
    let Some(limit) = limit() else { return [wanted; 2] };
    let places = share(wanted, limit);
    if places != [wanted; 2] {
        tracing::warn!(
            open_files = limit,
            connections = places[0],
            admin_connections = places[1],
            "limits.connections needs more open files than the system allows: raise its limit (ulimit -n, LimitNOFILE=) or set fewer"
        );
    }
    places
}

fn share(wanted: usize, limit: usize) -> [usize; 2] {
    let room = limit.saturating_sub(OTHERS);
    // A quarter of the places may wait for one, up to 64.
    let with_waiting = |room: usize| (room * 4 / 5).max(room.saturating_sub(64));
    let admin = wanted.min(with_waiting(room / PARTS).max(4));
    let public = wanted.min(with_waiting(room - room / PARTS).max(4));
    [public, admin]
}

/// Files that this process may have open; `None` where the system does not say, or there is no limit.
fn limit() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_has_a_descriptor() {
        assert_eq!(share(4096, 1_048_576), [4096, 4096]);
        for limit in [128, 256, 1024, 4096, 10_000] {
            let [public, admin] = share(4096, limit);
            let waiting = |places: usize| (places / 4).clamp(1, 64);
            assert!(public + waiting(public) + admin + waiting(admin) + OTHERS <= limit.max(128), "{limit}: {public} {admin}");
            assert!(admin >= 4 && public >= admin, "{limit}: {public} {admin}");
        }
        assert_eq!(share(10, 1024), [10, 10]);
    }
}
