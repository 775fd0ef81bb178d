-- What the service may do: append and read, nothing else. Run by the trail's owner (or a superuser), once, after the owner has made
-- the tables: either start the service once with the owner's URL, or run 0001_trail.sql as the owner. A DBA makes the roles before:
--
--   CREATE ROLE cpis_fhir_owner LOGIN PASSWORD '...';   -- migrates and archives; not used by the running service
--   CREATE ROLE cpis_fhir_app LOGIN PASSWORD '...';     -- audit.store of every replica
--   GRANT CREATE ON DATABASE ... TO cpis_fhir_owner;    -- or: CREATE SCHEMA cpis_fhir AUTHORIZATION cpis_fhir_owner;
GRANT USAGE ON SCHEMA cpis_fhir TO cpis_fhir_app;
GRANT SELECT, INSERT ON cpis_fhir.trail TO cpis_fhir_app;
GRANT SELECT ON cpis_fhir.archived, cpis_fhir.version TO cpis_fhir_app;
REVOKE ALL ON SCHEMA cpis_fhir FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA cpis_fhir FROM PUBLIC;
