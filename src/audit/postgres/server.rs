//! What the database reports of itself and of our rights. Creates no table and writes no row.

use super::fault::fault;
use super::rows::cell;
use super::schema;
use super::session::Session;
use super::target::Target;
use crate::audit::StoreError;
use crate::secret::StoreUrl;

/// A server that takes writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// As it calls itself: `17.2 (Debian 17.2-1)`.
    pub version: String,
    /// The trail's tables exist in this program's version.
    pub has_tables: bool,
    /// The role may append and read, or create missing tables.
    pub may_write: bool,
    /// The role may also change the tables: more than the service needs.
    pub may_change: bool,
    /// `full_page_writes` is on.
    pub writes_whole_pages: bool,
}

const ABOUT: &str = "SELECT current_setting('server_version'), current_setting('full_page_writes') = 'on'";
const MAY_APPEND: &str = "SELECT has_table_privilege('cpis_fhir.trail', 'INSERT') AND has_table_privilege('cpis_fhir.trail', 'SELECT') \
    AND has_table_privilege('cpis_fhir.archived', 'SELECT')";
const MAY_MAKE: &str = "SELECT has_database_privilege(current_database(), 'CREATE') OR coalesce((SELECT \
    has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = 'cpis_fhir'), false)";

/// Connects as the service would.
///
/// # Errors
/// Anything that would stop the service from writing: the connection, the login, a server that may lose what it acknowledges,
/// tables of a newer version.
pub async fn server(url: &StoreUrl, ca_pem: Option<&[u8]>) -> Result<Server, StoreError> {
    let session = Session::for_writing(&Target::new(url, ca_pem)?).await?;
    let about = session.query_typed_one(ABOUT, &[]).await.map_err(|error| fault(&error))?;
    let has_tables = schema::is_current(&session).await?;
    let (may_write, may_change) = if has_tables {
        (is(&session, MAY_APPEND).await?, is(&session, schema::MAY_CHANGE).await?)
    } else {
        (is(&session, MAY_MAKE).await?, false)
    };
    Ok(Server {
        version: cell::<&str>(&about, 0)?.to_owned(),
        has_tables,
        may_write,
        may_change,
        writes_whole_pages: cell(&about, 1)?,
    })
}

async fn is(session: &Session, question: &str) -> Result<bool, StoreError> {
    let row = session.query_typed_one(question, &[]).await.map_err(|error| fault(&error))?;
    cell(&row, 0)
}
