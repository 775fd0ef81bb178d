//! A service that is killed at any moment leaves a whole trail, that knows of every query that went out and of every answer that came in.

use crate::common::crash::kill_and_start;
use crate::common::trail::TrailFolder;

/// As many as fit into a quick run; `.ci/run` kills 200 times.
const FEW: usize = 8;
const MANY: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_killed_has_every_query_and_every_answer_on_record() {
    kill_and_start(&TrailFolder::sqlite(), FEW).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; .ci/run makes it"]
async fn two_hundred_kills_lose_no_query_and_no_answer() {
    kill_and_start(&TrailFolder::sqlite(), MANY).await;
}
