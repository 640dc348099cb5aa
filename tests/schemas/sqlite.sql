-- Everything a table can be made of on SQLite. {other} is a second, attached, database.
-- A line that starts with "--?" makes the next statement optional: a version may lack it.

CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT NOT NULL CONSTRAINT parent_code UNIQUE, kind TEXT, UNIQUE (kind, code));
CREATE TABLE {other}.elsewhere (id INTEGER PRIMARY KEY, a VARCHAR(9) DEFAULT 'x' CHECK (a <> ''), parent_id INTEGER REFERENCES parent (id));
CREATE TABLE {other}.parent (id INTEGER PRIMARY KEY, only_here TEXT);
CREATE INDEX {other}.far_index ON elsewhere (a);
CREATE TABLE types (
  a INTEGER, b INT, c BIGINT, d SMALLINT, e TINYINT, f REAL, g DOUBLE PRECISION, h FLOAT, i NUMERIC, j NUMERIC(10), k DECIMAL(10, 3), l TEXT, m VARCHAR, n VARCHAR(30), o CHAR(5), p NVARCHAR(9), q NCHAR(4), r CLOB,
  s BLOB, t BOOLEAN, u DATE, v DATETIME, w TIMESTAMP, x TIME, y JSON, z DATE_CHAR, aa TIME_CHAR, ab DATETIME_CHAR, ac LONG, ad BOOL
);
CREATE TABLE oddities (a, b "", c UNSIGNED BIG INT, d VARYING CHARACTER(255), e FLOATING POINT, f STRING, g ANY, h INTEGERISH(3), i CHARINT, j MY_BLOB_TYPE(2, 3), k "DOUBLE"  , l 'VARCHAR' (20), m UUID, n XCLOB, o NUMERIC(5, 2));
CREATE TABLE defaults (
  a INTEGER DEFAULT 1, b TEXT DEFAULT 'it''s', c TEXT DEFAULT "double", d DEFAULT (1 + 2), e TEXT DEFAULT CURRENT_TIMESTAMP, f INTEGER DEFAULT -1, g TEXT DEFAULT NULL, h TEXT DEFAULT 'a:b %s %% ? \', i REAL DEFAULT 1.5e3,
  j TEXT DEFAULT (datetime('now', '-1 day')), k BLOB DEFAULT x'00ff', l TEXT DEFAULT TRUE, m TEXT DEFAULT 'two
lines'
);
CREATE TABLE no_key (a INTEGER, b TEXT);
CREATE TABLE composite_key (a INTEGER, b TEXT, c INTEGER, d INTEGER, CONSTRAINT "The Key" PRIMARY KEY (c, a, b));
CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT);
CREATE TABLE key_desc (id INTEGER PRIMARY KEY DESC, a TEXT);
CREATE TABLE text_key (id TEXT PRIMARY KEY, a INTEGER);
CREATE TABLE conflict (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, a TEXT NOT NULL ON CONFLICT IGNORE, b TEXT UNIQUE ON CONFLICT FAIL);
CREATE TABLE without_rowid (a TEXT, b INTEGER, PRIMARY KEY (b, a)) WITHOUT ROWID;
--?
CREATE TABLE strict_table (a INTEGER PRIMARY KEY, b TEXT, c ANY, d REAL, e BLOB, f INT) STRICT;
--?
CREATE TABLE strict_without (a INT PRIMARY KEY, b TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE generated (a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2) VIRTUAL, c INTEGER AS (a + b) STORED, d TEXT AS ('50%: ' || 'it''s') NOT NULL, e AS (upper(a)), f INTEGER GENERATED ALWAYS AS (CASE WHEN a > 0 THEN (a) ELSE (-a) END) STORED);
CREATE TABLE collated (a TEXT COLLATE NOCASE, b VARCHAR(9) COLLATE RTRIM NOT NULL, c TEXT COLLATE BINARY PRIMARY KEY);
CREATE TABLE checks (a INTEGER CHECK (a > 0), b INTEGER CONSTRAINT b_check CHECK (b BETWEEN 1 AND 10), c TEXT CHECK (c IN ('x', 'y, z', 'it''s', '50%', ':p')), CHECK (a < b OR c IS NULL), CONSTRAINT "A 'check'" CHECK (length(c) > (1)));
CREATE TABLE uniques (a INTEGER UNIQUE, b TEXT CONSTRAINT named UNIQUE, c TEXT, d TEXT, "E e" TEXT UNIQUE, UNIQUE (c, d), CONSTRAINT other_order UNIQUE (d, c, a));
CREATE TABLE child (
  id INTEGER PRIMARY KEY, first INTEGER REFERENCES parent ON DELETE CASCADE ON UPDATE SET NULL, second INTEGER CONSTRAINT second_parent REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED, code TEXT REFERENCES parent (code) NOT DEFERRABLE,
  kind TEXT, gone INTEGER REFERENCES does_not_exist (id), CONSTRAINT both_keys FOREIGN KEY (kind, code) REFERENCES parent (kind, code) ON DELETE RESTRICT ON UPDATE SET DEFAULT, FOREIGN KEY (first) REFERENCES parent (id) ON DELETE NO ACTION DEFERRABLE
);
CREATE TABLE grandchild (a INTEGER, b TEXT, c INTEGER, x INTEGER, y INTEGER, z TEXT, FOREIGN KEY (c, a, b) REFERENCES composite_key, CONSTRAINT swapped FOREIGN KEY (z, x, y) REFERENCES composite_key (b, c, a));
CREATE TABLE tree (id INTEGER PRIMARY KEY, up INTEGER REFERENCES tree ON DELETE SET NULL, root INTEGER NOT NULL CONSTRAINT tree_root REFERENCES tree (id));
CREATE TABLE cycle_a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES cycle_b (id));
CREATE TABLE cycle_b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES cycle_a (id));
CREATE TABLE case_of_names (ID INTEGER PRIMARY KEY, "Parent_ID" INTEGER REFERENCES PARENT (ID), x TEXT, UNIQUE ("X"));
CREATE TABLE indexed (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c TEXT, "H h" TEXT);
CREATE INDEX plain_index ON indexed (a);
CREATE UNIQUE INDEX unique_index ON indexed (a, b);
CREATE INDEX partial_index ON indexed (a) WHERE b IS NOT NULL AND c <> '50%';
CREATE INDEX sorted_index ON indexed (a DESC, b COLLATE NOCASE ASC);
CREATE INDEX "An ""Index"" % : é" ON indexed ("H h");
CREATE TABLE indexed_expression (id INTEGER PRIMARY KEY, a INTEGER, b TEXT);
CREATE INDEX expression_index ON indexed_expression (lower(b));
CREATE INDEX mixed_index ON indexed_expression (a, b || '%') WHERE a > 1;
CREATE TABLE selected AS SELECT id, code, 1 AS one, 'x' AS "x y", id * 1.5 AS calculated FROM parent;
CREATE TABLE "commented" (a INTEGER, -- a comment, with "quotes" CHECK (1)
  b TEXT /* another, CONSTRAINT x UNIQUE (a) */);
CREATE TABLE altered (a INTEGER);
ALTER TABLE altered ADD COLUMN b TEXT DEFAULT 'b' REFERENCES parent (code);
ALTER TABLE altered RENAME COLUMN a TO "new name";
--?
CREATE VIRTUAL TABLE full_text USING fts5(title, body, tokenize = 'porter');
--?
CREATE VIRTUAL TABLE r_tree USING rtree(id, min_x, max_x);
CREATE VIEW a_view AS SELECT id, code, kind AS "Kind", 1 AS one, upper(code) FROM parent;
CREATE VIEW named_view (p, "Q q") AS SELECT id, code FROM parent;
CREATE VIEW {other}.far_view AS SELECT id FROM elsewhere;
