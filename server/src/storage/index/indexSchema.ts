/**
 * Raised whenever the tables, or what is folded into them, change: an index of another version is built anew from the
 * journals.
 */
export const schemaVersion = 3;

/** The index lives in memory and is saved as a whole, so nothing has to survive a crash in the middle of a change. */
export const pragmas = `
PRAGMA page_size = 4096;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -32000;
PRAGMA temp_store = MEMORY;
PRAGMA trusted_schema = OFF;
`;

export const schema = `
PRAGMA user_version = ${schemaVersion};
CREATE TABLE conversation (
  number INTEGER PRIMARY KEY,
  workspace TEXT NOT NULL,
  id TEXT NOT NULL,
  -- The journal as it was when it was read last: its size and time, how far it was folded, the end of what was.
  sizeBytes INTEGER NOT NULL,
  modifiedAt REAL NOT NULL,
  foldedBytes INTEGER NOT NULL,
  tailChecksum INTEGER NOT NULL,
  -- JSON of header and fold; null where the journal cannot be read.
  header TEXT,
  fold TEXT,
  UNIQUE (workspace, id)
);
CREATE TABLE document (
  number INTEGER PRIMARY KEY,
  conversation INTEGER NOT NULL,
  kind TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  at INTEGER NOT NULL,
  -- The path of a file, so that each stands in the index once for each conversation.
  path TEXT
);
CREATE INDEX documentOfConversation ON document (conversation, kind, path);
CREATE VIRTUAL TABLE search USING fts4(text, tokenize=unicode61);
CREATE TABLE usage (
  conversation INTEGER NOT NULL,
  day TEXT NOT NULL,
  model TEXT NOT NULL,
  persona TEXT NOT NULL,
  turns INTEGER NOT NULL,
  inputTokens INTEGER NOT NULL,
  outputTokens INTEGER NOT NULL,
  cost REAL NOT NULL,
  PRIMARY KEY (conversation, day, model, persona)
) WITHOUT ROWID;
` as const;
