-- The tables of the opinion monitor. Plain SQL: PostgreSQL takes it as it is.

-- What holds for the whole database: schema, zone.
CREATE TABLE IF NOT EXISTS settings (
  name VARCHAR PRIMARY KEY,
  value VARCHAR NOT NULL
);

-- One row per text. Counts and trends follow local_at; posted_at orders and measures.
CREATE TABLE IF NOT EXISTS posts (
  id VARCHAR PRIMARY KEY,                -- of the source; "#" and a hash where it gives none
  posted_at TIMESTAMP NOT NULL,          -- UTC
  local_at TIMESTAMP NOT NULL,           -- the wall clock in the zone of the database
  channel VARCHAR NOT NULL,              -- field "source" of the record: forum, news, …; '' unknown
  text VARCHAR NOT NULL,
  text_key BIGINT NOT NULL,              -- the same for copies of a text; 0 for very short ones
  topic VARCHAR,                         -- NULL: not known, or the pipeline abstained
  sentiment VARCHAR,
  topic_confidence DOUBLE PRECISION,     -- 0 to 1; NULL: not known
  sentiment_confidence DOUBLE PRECISION,
  labelled_by VARCHAR NOT NULL           -- name and version of the pipeline; '' the record itself
);

-- One row per entity in a text. Offsets in code points, end exclusive.
CREATE TABLE IF NOT EXISTS mentions (
  post_id VARCHAR NOT NULL,
  start_char INTEGER NOT NULL,
  end_char INTEGER NOT NULL,
  label VARCHAR NOT NULL,
  surface VARCHAR NOT NULL,
  confidence DOUBLE PRECISION
);

-- Records that could not be taken, and why; the same record is here once however often it comes.
CREATE TABLE IF NOT EXISTS rejects (
  file VARCHAR NOT NULL,
  line INTEGER NOT NULL,
  fact VARCHAR NOT NULL,
  post_id VARCHAR,
  record VARCHAR,                        -- the record as JSON, as far as it could be read
  PRIMARY KEY (file, line, fact)
);

-- Times of alarms are local, as local_at.
CREATE TABLE IF NOT EXISTS alarms (
  id VARCHAR PRIMARY KEY,
  started_at TIMESTAMP NOT NULL,         -- first post of the surge
  raised_at TIMESTAMP NOT NULL,          -- end of the hour in which it was significant
  last_at TIMESTAMP NOT NULL,            -- end of the last hour in which it was
  sentiment VARCHAR NOT NULL,
  topic VARCHAR,                         -- of the series that raised it; NULL: all topics
  entity VARCHAR,
  window_hours INTEGER NOT NULL,
  observed INTEGER NOT NULL,             -- different texts in the window when it was raised
  expected DOUBLE PRECISION NOT NULL,
  p_value DOUBLE PRECISION NOT NULL,
  evidence VARCHAR NOT NULL              -- JSON: series, texts, entities, channels, shares
);

-- Where an alarm has been sent.
CREATE TABLE IF NOT EXISTS deliveries (
  alarm_id VARCHAR NOT NULL,
  target VARCHAR NOT NULL,
  sent_at TIMESTAMP NOT NULL,            -- UTC
  PRIMARY KEY (alarm_id, target)
);

-- Files of a watched folder that have been read.
CREATE TABLE IF NOT EXISTS files (
  name VARCHAR PRIMARY KEY,
  sha256 VARCHAR NOT NULL
);

-- Posts without the copies of a text that came within seven days before.
CREATE OR REPLACE VIEW unique_posts AS
SELECT * FROM (
  SELECT *, LAG(local_at) OVER (PARTITION BY text_key ORDER BY local_at, id) AS copied_from
  FROM posts
) AS ordered
WHERE text_key = 0 OR copied_from IS NULL OR local_at - copied_from > INTERVAL '7 days';

-- Trends: texts of a day by topic, sentiment and entity ('' counts every text once).
CREATE OR REPLACE VIEW trends AS
SELECT CAST(local_at AS DATE) AS day, topic, sentiment, '' AS entity, COUNT(*) AS texts
FROM unique_posts GROUP BY CAST(local_at AS DATE), topic, sentiment
UNION ALL
SELECT CAST(p.local_at AS DATE), p.topic, p.sentiment, m.surface, COUNT(DISTINCT p.id)
FROM unique_posts AS p JOIN mentions AS m ON m.post_id = p.id
GROUP BY CAST(p.local_at AS DATE), p.topic, p.sentiment, m.surface;
