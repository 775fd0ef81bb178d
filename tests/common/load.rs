//! Clients that look at children until they are stopped, and remember the answers.

use cpis_fhir::cpis::NhsNumber;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// What one request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    pub request_id: String,
    /// `None`: the connection ended without an answer.
    pub status: Option<u16>,
}

/// Valid NHS numbers, each given out once. CP-IS does not know them.
pub fn fresh_child() -> NhsNumber {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let nine = 400_000_000 + NEXT.fetch_add(1, Relaxed);
        if let Some(number) = (0..10).find_map(|check| NhsNumber::from_u64(nine * 10 + check).ok()) {
            return number;
        }
    }
}

/// Clients at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<StoredEntry>>>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    /// `clients` that look one after another, each time at another child, with a fresh request id; they go on where the service
    /// is away.
    pub fn start(clients: usize, fhir_base: &str) -> Self {
        // Made once, and before the clients begin: it takes longer than many a kill leaves them.
        Self::with(&super::client(), clients, fhir_base)
    }

    /// As [`Load::start`], for clients that are `http`.
    pub fn with(http: &reqwest::Client, clients: usize, fhir_base: &str) -> Self {
        let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let client = |_| {
            let http = http.clone();
            let (stop, told) = (Arc::clone(&stop), Arc::clone(&told));
            let url = format!("{}/Flag/_search", fhir_base.trim_end_matches('/'));
            tokio::spawn(async move {
                while !stop.load(Relaxed) {
                    let request_id = uuid::Uuid::new_v4().to_string();
                    let status = look(&http, &url, &request_id).await;
                    told.lock().unwrap().push(StoredEntry { request_id, status });
                    if status.is_none() {
                        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                    }
                }
            })
        };
        Self { clients: (0..clients).map(client).collect(), stop, told }
    }

    /// How many requests have ended so far.
    pub fn ended(&self) -> usize {
        self.told.lock().unwrap().len()
    }

    /// Waits for the requests in flight, and gives everything that was told.
    pub async fn stop(self) -> Vec<StoredEntry> {
        self.stop.store(true, Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

async fn look(http: &reqwest::Client, url: &str, request_id: &str) -> Option<u16> {
    let body = format!("patient={}", fresh_child().digits());
    let request =
        http.post(url).header("Content-Type", "application/x-www-form-urlencoded").header("X-Request-ID", request_id).body(body);
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    // An answer that was cut off in its body was not received.
    response.bytes().await.ok().map(|_| status)
}
