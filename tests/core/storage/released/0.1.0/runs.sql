BEGIN TRANSACTION;
CREATE TABLE daemon_heartbeats (
	daemon_type VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (daemon_type)
);
INSERT INTO "daemon_heartbeats" VALUES('SCHEDULER','{"timestamp":1.5,"daemon_type":"SCHEDULER","daemon_id":"d","errors":[]}');
CREATE TABLE run_tags (
	run_id VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (run_id, "key"), 
	FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE
);
INSERT INTO "run_tags" VALUES('85ac260a-7aa7-4a75-92fb-6cc85e517cc0','team','data');
INSERT INTO "run_tags" VALUES('85ac260a-7aa7-4a75-92fb-6cc85e517cc0','dagster/is_memoized_run','true');
INSERT INTO "run_tags" VALUES('b86ace96-12a1-4e3e-86ed-c6f012e8f2fd','team','data');
INSERT INTO "run_tags" VALUES('b86ace96-12a1-4e3e-86ed-c6f012e8f2fd','n','2');
INSERT INTO "run_tags" VALUES('b86ace96-12a1-4e3e-86ed-c6f012e8f2fd','dagster/is_memoized_run','true');
INSERT INTO "run_tags" VALUES('2f05121d-eec2-4d3a-acbc-dc0e759b0028','dagster/is_memoized_run','true');
INSERT INTO "run_tags" VALUES('2f05121d-eec2-4d3a-acbc-dc0e759b0028','n','2');
INSERT INTO "run_tags" VALUES('2f05121d-eec2-4d3a-acbc-dc0e759b0028','team','data');
INSERT INTO "run_tags" VALUES('2f05121d-eec2-4d3a-acbc-dc0e759b0028','dagster/root_run_id','b86ace96-12a1-4e3e-86ed-c6f012e8f2fd');
INSERT INTO "run_tags" VALUES('2f05121d-eec2-4d3a-acbc-dc0e759b0028','dagster/parent_run_id','b86ace96-12a1-4e3e-86ed-c6f012e8f2fd');
INSERT INTO "run_tags" VALUES('it''s; drop table','k','🦆');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	run_id VARCHAR NOT NULL, 
	pipeline_name VARCHAR NOT NULL, 
	mode VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	updated_at FLOAT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (run_id)
);
INSERT INTO "runs" VALUES(1,'85ac260a-7aa7-4a75-92fb-6cc85e517cc0','tables','default','SUCCESS',1.79538615471177816391e+09,1.79538615474946856498e+09,'{"pipeline_name":"tables","run_id":"85ac260a-7aa7-4a75-92fb-6cc85e517cc0","run_config":{},"mode":"default","solid_selection":null,"solids_to_execute":null,"step_keys_to_execute":null,"status":"NOT_STARTED","tags":{},"root_run_id":null,"parent_run_id":null,"pipeline_snapshot_id":null,"execution_plan_snapshot_id":null,"external_pipeline_origin":null}');
INSERT INTO "runs" VALUES(2,'b86ace96-12a1-4e3e-86ed-c6f012e8f2fd','tables','default','SUCCESS',1.79538615475398063655e+09,1.79538615476276755327e+09,'{"pipeline_name":"tables","run_id":"b86ace96-12a1-4e3e-86ed-c6f012e8f2fd","run_config":{},"mode":"default","solid_selection":null,"solids_to_execute":null,"step_keys_to_execute":null,"status":"NOT_STARTED","tags":{},"root_run_id":null,"parent_run_id":null,"pipeline_snapshot_id":null,"execution_plan_snapshot_id":null,"external_pipeline_origin":null}');
INSERT INTO "runs" VALUES(3,'2f05121d-eec2-4d3a-acbc-dc0e759b0028','tables','default','SUCCESS',1.79538615476888442036e+09,1.79538615477783966068e+09,'{"pipeline_name":"tables","run_id":"2f05121d-eec2-4d3a-acbc-dc0e759b0028","run_config":{},"mode":"default","solid_selection":null,"solids_to_execute":null,"step_keys_to_execute":null,"status":"NOT_STARTED","tags":{},"root_run_id":"b86ace96-12a1-4e3e-86ed-c6f012e8f2fd","parent_run_id":"b86ace96-12a1-4e3e-86ed-c6f012e8f2fd","pipeline_snapshot_id":null,"execution_plan_snapshot_id":null,"external_pipeline_origin":null}');
INSERT INTO "runs" VALUES(4,'it''s; drop table','other','default','NOT_STARTED',1.79538615477830481529e+09,1.79538615477830481529e+09,'{"pipeline_name":"other","run_id":"it''s; drop table","run_config":{},"mode":"default","solid_selection":null,"solids_to_execute":null,"step_keys_to_execute":null,"status":"NOT_STARTED","tags":{},"root_run_id":null,"parent_run_id":null,"pipeline_snapshot_id":null,"execution_plan_snapshot_id":null,"external_pipeline_origin":null}');
CREATE INDEX ix_runs_status ON runs (status);
CREATE INDEX ix_runs_pipeline_name ON runs (pipeline_name);
CREATE INDEX run_tags_by_value ON run_tags ("key", value);
COMMIT;
