-- The first schema: tables, the view trade_logs and the guards. Later changes are later revisions.

CREATE TABLE audit_log (
  id BIGSERIAL NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  body JSONB NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (id)
);

CREATE TABLE breakers (
  id BIGSERIAL NOT NULL,
  account_id TEXT NOT NULL,
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  numbers JSONB DEFAULT '{}' NOT NULL,
  tripped_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  until TIMESTAMP WITH TIME ZONE,
  reset_at TIMESTAMP WITH TIME ZONE,
  reset_by TEXT,
  PRIMARY KEY (id)
);
CREATE INDEX ix_breakers_account_id ON breakers (account_id);

CREATE TABLE cancels (
  id BIGSERIAL NOT NULL,
  client_id TEXT NOT NULL,
  oid TEXT NOT NULL,
  signer_id TEXT NOT NULL,
  nonce BIGINT NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  request_hash TEXT NOT NULL,
  verdict TEXT DEFAULT 'sending' NOT NULL,
  text TEXT DEFAULT '' NOT NULL,
  sent_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (signer_id, nonce)
);
CREATE INDEX ix_cancels_client_id ON cancels (client_id);

CREATE TABLE day_records (
  account_id TEXT NOT NULL,
  zone TEXT NOT NULL,
  day TEXT NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE NOT NULL,
  start_equity NUMERIC NOT NULL,
  PRIMARY KEY (account_id, zone, day)
);

CREATE TABLE decisions (
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  cycle BIGINT NOT NULL,
  adviser TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  situation JSONB NOT NULL,
  advice JSONB NOT NULL,
  outcome JSONB DEFAULT '{}' NOT NULL,
  trace_id TEXT DEFAULT '' NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (agent_id, cycle)
);
CREATE INDEX decisions_by_user ON decisions (user_id, at, id);

CREATE TABLE differences (
  id BIGSERIAL NOT NULL,
  account_id TEXT NOT NULL,
  coin TEXT NOT NULL,
  kind TEXT NOT NULL,
  amount NUMERIC NOT NULL,
  note TEXT DEFAULT '' NOT NULL,
  first_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  counted_at TIMESTAMP WITH TIME ZONE,
  repaired_at TIMESTAMP WITH TIME ZONE,
  repair TEXT DEFAULT '' NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX ix_differences_account_id ON differences (account_id);

CREATE TABLE epochs (
  epoch TEXT NOT NULL,
  system_identifier TEXT NOT NULL,
  timeline INTEGER NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE NOT NULL,
  seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  deployment_id TEXT NOT NULL,
  confirmed_by TEXT,
  asserted_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (epoch)
);

CREATE TABLE equity_points (
  account_id TEXT NOT NULL,
  time TIMESTAMP WITH TIME ZONE NOT NULL,
  equity NUMERIC NOT NULL,
  unrealised NUMERIC DEFAULT '0' NOT NULL,
  PRIMARY KEY (account_id, time)
);

CREATE TABLE events (
  id BIGSERIAL NOT NULL,
  user_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  body JSONB NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX events_by_user ON events (user_id, id);

CREATE TABLE fills (
  account_id TEXT NOT NULL,
  time TIMESTAMP WITH TIME ZONE NOT NULL,
  coin TEXT NOT NULL,
  trade_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  oid TEXT NOT NULL,
  client_id TEXT,
  intent_id TEXT,
  step TEXT,
  side TEXT NOT NULL,
  px NUMERIC NOT NULL,
  size NUMERIC NOT NULL,
  fee NUMERIC NOT NULL,
  closed_pnl NUMERIC NOT NULL,
  start_position NUMERIC NOT NULL,
  is_taker BOOLEAN NOT NULL,
  is_liquidation BOOLEAN NOT NULL,
  recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT fills_key UNIQUE (account_id, time, coin, trade_id)
);
CREATE INDEX fills_by_intent ON fills (intent_id);
CREATE INDEX fills_by_oid ON fills (account_id, oid);
CREATE INDEX fills_by_user ON fills (user_id, time);

CREATE TABLE halts (
  id BIGSERIAL NOT NULL,
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  reason TEXT NOT NULL,
  by TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  drained_at TIMESTAMP WITH TIME ZONE,
  released_by TEXT,
  released_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX halts_open ON halts (scope, key) WHERE released_at is null;

CREATE TABLE idempotency (
  user_id TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  status INTEGER,
  answer JSONB,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (user_id, key)
);

CREATE TABLE intents (
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  agent_id TEXT DEFAULT '' NOT NULL,
  instrument TEXT NOT NULL,
  side TEXT NOT NULL,
  kind TEXT NOT NULL,
  size NUMERIC,
  policy JSONB NOT NULL,
  not_after TIMESTAMP WITH TIME ZONE,
  opens BOOLEAN DEFAULT true NOT NULL,
  phase TEXT NOT NULL,
  reason_code TEXT DEFAULT '' NOT NULL,
  reason TEXT DEFAULT '' NOT NULL,
  filled_size NUMERIC DEFAULT '0' NOT NULL,
  average_px NUMERIC,
  realised_pnl NUMERIC,
  stop_px NUMERIC,
  take_profit_px NUMERIC,
  trace_id TEXT DEFAULT '' NOT NULL,
  decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
  first_fill_at TIMESTAMP WITH TIME ZONE,
  protected_at TIMESTAMP WITH TIME ZONE,
  finished_at TIMESTAMP WITH TIME ZONE,
  touched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX intents_by_account ON intents (account_id, instrument);
CREATE INDEX intents_by_agent ON intents (agent_id, created_at);
CREATE INDEX intents_by_user ON intents (user_id, created_at, id);
CREATE INDEX intents_finished ON intents (account_id, finished_at) WHERE realised_pnl is not null;

CREATE TABLE leverages (
  account_id TEXT NOT NULL,
  coin TEXT NOT NULL,
  leverage INTEGER NOT NULL,
  is_cross BOOLEAN NOT NULL,
  read_at TIMESTAMP WITH TIME ZONE NOT NULL,
  PRIMARY KEY (account_id, coin)
);

CREATE TABLE order_ids (
  client_id TEXT NOT NULL,
  venue_oid TEXT NOT NULL,
  seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (client_id, venue_oid)
);
CREATE INDEX order_ids_by_oid ON order_ids (venue_oid);

CREATE TABLE orders (
  intent_id TEXT NOT NULL,
  leg TEXT NOT NULL,
  step TEXT NOT NULL,
  client_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  instrument TEXT NOT NULL,
  signer_id TEXT,
  nonce BIGINT,
  state TEXT NOT NULL,
  opening BOOLEAN NOT NULL,
  side TEXT NOT NULL,
  size NUMERIC NOT NULL,
  limit_px NUMERIC NOT NULL,
  tif TEXT NOT NULL,
  reduce_only BOOLEAN NOT NULL,
  trigger JSONB,
  reserved NUMERIC DEFAULT '0' NOT NULL,
  approved JSONB NOT NULL,
  stopped BOOLEAN DEFAULT false NOT NULL,
  not_after TIMESTAMP WITH TIME ZONE NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE,
  request_hash TEXT,
  attempt_token TEXT,
  decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
  approved_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  sent_at TIMESTAMP WITH TIME ZONE,
  unknown_since TIMESTAMP WITH TIME ZONE,
  resolved_at TIMESTAMP WITH TIME ZONE,
  oid TEXT DEFAULT '' NOT NULL,
  filled_size NUMERIC DEFAULT '0' NOT NULL,
  average_px NUMERIC,
  code TEXT DEFAULT '' NOT NULL,
  reason TEXT DEFAULT '' NOT NULL,
  looks JSONB DEFAULT '[]' NOT NULL,
  absent_looks INTEGER DEFAULT '0' NOT NULL,
  absent_at TIMESTAMP WITH TIME ZONE,
  noop_state TEXT DEFAULT '' NOT NULL,
  epoch TEXT,
  trace_id TEXT DEFAULT '' NOT NULL,
  PRIMARY KEY (intent_id, leg, step),
  UNIQUE (signer_id, nonce),
  UNIQUE (client_id)
);
CREATE INDEX orders_by_user ON orders (user_id, approved_at, client_id);
CREATE INDEX orders_live ON orders (account_id, instrument) WHERE state in ('APPROVED','SENDING','UNKNOWN','WORKING');
CREATE INDEX orders_opening_in_flight ON orders (expires_at) WHERE opening and state in ('SENDING','UNKNOWN');
CREATE INDEX orders_sent ON orders (account_id, sent_at) WHERE opening;

CREATE TABLE portfolios (
  account_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  as_of TIMESTAMP WITH TIME ZONE NOT NULL,
  synced_at TIMESTAMP WITH TIME ZONE NOT NULL,
  equity NUMERIC NOT NULL,
  available NUMERIC NOT NULL,
  margin_used NUMERIC NOT NULL,
  body JSONB NOT NULL,
  is_flat BOOLEAN DEFAULT false NOT NULL,
  PRIMARY KEY (account_id)
);

CREATE TABLE risk_decisions (
  id BIGSERIAL NOT NULL,
  user_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  intent_id TEXT NOT NULL,
  step TEXT NOT NULL,
  allowed BOOLEAN NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  numbers JSONB NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX ix_risk_decisions_intent_id ON risk_decisions (intent_id);

CREATE TABLE schema_revisions (
  revision TEXT NOT NULL,
  applied_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (revision)
);

CREATE TABLE slots (
  account_id TEXT NOT NULL,
  instrument TEXT NOT NULL,
  owner_intent TEXT NOT NULL,
  taken_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  touched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (account_id, instrument)
);

CREATE TABLE transfers (
  account_id TEXT NOT NULL,
  time TIMESTAMP WITH TIME ZONE NOT NULL,
  kind TEXT NOT NULL,
  coin TEXT DEFAULT '' NOT NULL,
  reference TEXT DEFAULT '' NOT NULL,
  amount NUMERIC NOT NULL,
  PRIMARY KEY (account_id, time, kind, coin, reference)
);

CREATE TABLE users (
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  email TEXT,
  is_admin BOOLEAN DEFAULT false NOT NULL,
  disabled_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (name),
  UNIQUE (email)
);

CREATE TABLE accounts (
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  venue TEXT NOT NULL,
  network TEXT NOT NULL,
  address TEXT NOT NULL,
  name TEXT DEFAULT '' NOT NULL,
  active BOOLEAN DEFAULT true NOT NULL,
  egress TEXT DEFAULT 'default' NOT NULL,
  manual_trades TEXT DEFAULT 'flag' NOT NULL,
  fills_cursor TIMESTAMP WITH TIME ZONE,
  exposed_at TIMESTAMP WITH TIME ZONE,
  shard INTEGER DEFAULT '0' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (venue, network, address),
  FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE INDEX ix_accounts_user_id ON accounts (user_id);

CREATE TABLE api_keys (
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT DEFAULT '' NOT NULL,
  prefix TEXT NOT NULL,
  hash BYTEA NOT NULL,
  scopes JSONB NOT NULL,
  last_used_at TIMESTAMP WITH TIME ZONE,
  revoked_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY(user_id) REFERENCES users (id),
  UNIQUE (hash)
);

CREATE TABLE settings (
  user_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value JSONB NOT NULL,
  PRIMARY KEY (user_id, key),
  FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE TABLE agents (
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  name TEXT DEFAULT '' NOT NULL,
  adviser TEXT NOT NULL,
  settings JSONB DEFAULT '{}' NOT NULL,
  risk_profile TEXT NOT NULL,
  limits JSONB NOT NULL,
  allowed_assets JSONB NOT NULL,
  interval TEXT DEFAULT '5m' NOT NULL,
  cycle_seconds NUMERIC DEFAULT '300' NOT NULL,
  mode TEXT DEFAULT 'simulate' NOT NULL,
  active BOOLEAN DEFAULT false NOT NULL,
  status TEXT DEFAULT 'stopped' NOT NULL,
  status_reason TEXT DEFAULT '' NOT NULL,
  cycle BIGINT DEFAULT '0' NOT NULL,
  last_cycle_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY(user_id) REFERENCES users (id),
  FOREIGN KEY(account_id) REFERENCES accounts (id)
);
CREATE INDEX ix_agents_user_id ON agents (user_id);

CREATE TABLE signers (
  id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  address TEXT NOT NULL,
  name TEXT DEFAULT '' NOT NULL,
  sealed_key BYTEA NOT NULL,
  key_id TEXT NOT NULL,
  last_nonce BIGINT DEFAULT '0' NOT NULL,
  valid_until TIMESTAMP WITH TIME ZONE,
  retired_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY(account_id) REFERENCES accounts (id),
  UNIQUE (address)
);
CREATE INDEX ix_signers_account_id ON signers (account_id);

CREATE TABLE key_uses (
  signer_id TEXT NOT NULL,
  hour TIMESTAMP WITH TIME ZONE NOT NULL,
  uses BIGINT NOT NULL,
  last_at TIMESTAMP WITH TIME ZONE NOT NULL,
  PRIMARY KEY (signer_id, hour),
  FOREIGN KEY(signer_id) REFERENCES signers (id)
);

create view trade_logs as
select f.account_id, f.user_id, f.coin as asset, f.side, f.oid, f.intent_id, i.agent_id, f.step,
       sum(f.size) as size, sum(f.px * f.size) / sum(f.size) as price, sum(f.closed_pnl) as realised_pnl,
       sum(f.fee) as fee, min(f.time) as time, count(*) as fills
from fills f left join intents i on i.id = f.intent_id
group by f.account_id, f.user_id, f.coin, f.side, f.oid, f.intent_id, i.agent_id, f.step;

create function guard_order_state() returns trigger language plpgsql as $$
begin
  if (old.state, new.state) not in (
    ('APPROVED', 'SENDING'),
    ('APPROVED', 'WORKING'),
    ('APPROVED', 'DONE'),
    ('APPROVED', 'REFUSED'),
    ('APPROVED', 'VOID'),
    ('SENDING', 'UNKNOWN'),
    ('SENDING', 'WORKING'),
    ('SENDING', 'DONE'),
    ('SENDING', 'REFUSED'),
    ('SENDING', 'VOID'),
    ('SENDING', 'EXPIRED'),
    ('UNKNOWN', 'WORKING'),
    ('UNKNOWN', 'DONE'),
    ('UNKNOWN', 'REFUSED'),
    ('UNKNOWN', 'EXPIRED'),
    ('WORKING', 'DONE')
  ) then
    raise exception 'order %/%/% cannot go from % to %', old.intent_id, old.leg, old.step, old.state, new.state
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard_order_state before update of state on orders
  for each row when (old.state is distinct from new.state) execute function guard_order_state();

create function guard_fills() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and to_jsonb(old) - 'client_id' - 'intent_id' - 'step' = to_jsonb(new) - 'client_id' - 'intent_id' - 'step' then
    return new;
  end if;
  raise exception 'fills are never changed or deleted' using errcode = 'restrict_violation';
end $$;
create trigger guard_fills before update or delete on fills for each row execute function guard_fills();
create trigger guard_fills_truncate before truncate on fills for each statement execute function guard_fills();

create function guard_audit_log() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only' using errcode = 'restrict_violation';
end $$;
create trigger guard_audit_log before update or delete on audit_log
  for each row execute function guard_audit_log();
create trigger guard_audit_log_truncate before truncate on audit_log
  for each statement execute function guard_audit_log();
