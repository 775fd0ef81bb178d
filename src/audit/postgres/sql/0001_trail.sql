-- The trail. Run as the role that owns it; the service that writes needs no more than roles.sql grants.
DO $$ BEGIN
  IF to_regnamespace('cpis_fhir') IS NULL THEN CREATE SCHEMA cpis_fhir; END IF;
END $$;

CREATE TABLE cpis_fhir.version (
  version integer PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE cpis_fhir.trail (
  seq bigint PRIMARY KEY CHECK (seq > 0),
  id uuid NOT NULL UNIQUE,
  at bigint NOT NULL,
  event text COLLATE "C" NOT NULL,
  look uuid,
  user_id text COLLATE "C",
  child bytea,
  message_id text COLLATE "C",
  request_id text COLLATE "C",
  body bytea NOT NULL,
  key bytea NOT NULL CHECK (octet_length(key) = 8),
  previous bytea NOT NULL CHECK (octet_length(previous) = 32),
  mac bytea NOT NULL CHECK (octet_length(mac) = 32)
);

COMMENT ON TABLE cpis_fhir.trail IS 'Who asked about which child: append-only, each line chained to the one before';
COMMENT ON COLUMN cpis_fhir.trail.at IS 'Nanoseconds since 1970 UTC: to_timestamp(at / 1e9)';
COMMENT ON COLUMN cpis_fhir.trail.child IS 'Keyed hash of the NHS number';
COMMENT ON COLUMN cpis_fhir.trail.body IS 'JSON: convert_from(body, ''UTF8'')';

-- One for each search. Texts from outside are cut: an index takes no entry longer than 2.7 kB, and would refuse the line.
CREATE INDEX trail_look ON cpis_fhir.trail (look, seq) WHERE look IS NOT NULL;
CREATE INDEX trail_child ON cpis_fhir.trail (child, seq) WHERE child IS NOT NULL;
CREATE INDEX trail_user ON cpis_fhir.trail (left(user_id, 200), seq) WHERE user_id IS NOT NULL;
CREATE INDEX trail_message ON cpis_fhir.trail (left(message_id, 200), seq) WHERE message_id IS NOT NULL;
CREATE INDEX trail_request ON cpis_fhir.trail (left(request_id, 200), seq) WHERE request_id IS NOT NULL;
CREATE INDEX trail_at ON cpis_fhir.trail (at, seq);

-- What was moved to an archive, with its proof. Only such lines may be deleted.
CREATE TABLE cpis_fhir.archived (
  first bigint NOT NULL CHECK (first > 0),
  last bigint PRIMARY KEY CHECK (last >= first),
  last_mac bytea NOT NULL CHECK (octet_length(last_mac) = 32),
  manifest text NOT NULL,
  at bigint NOT NULL
);

CREATE FUNCTION cpis_fhir.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the trail is append-only';
END $$;

CREATE FUNCTION cpis_fhir.delete_archived_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.seq <= (SELECT max(last) FROM cpis_fhir.archived) THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'the trail is append-only: line % is in no archive', OLD.seq;
END $$;

CREATE TRIGGER trail_no_update BEFORE UPDATE OR TRUNCATE ON cpis_fhir.trail
  FOR EACH STATEMENT EXECUTE FUNCTION cpis_fhir.refuse();
CREATE TRIGGER trail_no_delete BEFORE DELETE ON cpis_fhir.trail
  FOR EACH ROW EXECUTE FUNCTION cpis_fhir.delete_archived_only();
CREATE TRIGGER archived_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON cpis_fhir.archived
  FOR EACH STATEMENT EXECUTE FUNCTION cpis_fhir.refuse();

-- Also where a session calls itself a replica (session_replication_role).
ALTER TABLE cpis_fhir.trail ENABLE ALWAYS TRIGGER trail_no_update;
ALTER TABLE cpis_fhir.trail ENABLE ALWAYS TRIGGER trail_no_delete;
ALTER TABLE cpis_fhir.archived ENABLE ALWAYS TRIGGER archived_no_change;

INSERT INTO cpis_fhir.version (version) VALUES (1);
