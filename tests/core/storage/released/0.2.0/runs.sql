BEGIN TRANSACTION;
CREATE TABLE cloudstore_runs_version (
	version_num VARCHAR(32) NOT NULL, 
	PRIMARY KEY (version_num)
);
INSERT INTO "cloudstore_runs_version" VALUES('0002');
CREATE TABLE daemon_heartbeats (
	daemon_type VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (daemon_type)
);
INSERT INTO "daemon_heartbeats" VALUES('SCHEDULER','{"timestamp":1.5,"daemon_type":"SCHEDULER","daemon_id":"d","errors":[]}');
CREATE TABLE run_tags (
	run INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (run, "key"), 
	FOREIGN KEY(run) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "run_tags" VALUES(1,'dagster/is_memoized_run','true');
INSERT INTO "run_tags" VALUES(1,'team','data');
INSERT INTO "run_tags" VALUES(2,'dagster/is_memoized_run','true');
INSERT INTO "run_tags" VALUES(2,'team','data');
INSERT INTO "run_tags" VALUES(2,'n','2');
INSERT INTO "run_tags" VALUES(3,'dagster/is_memoized_run','true');
INSERT INTO "run_tags" VALUES(3,'team','data');
INSERT INTO "run_tags" VALUES(3,'n','2');
INSERT INTO "run_tags" VALUES(3,'dagster/root_run_id','aa5ed4a0-bea8-4444-b325-551f248de66a');
INSERT INTO "run_tags" VALUES(3,'dagster/parent_run_id','aa5ed4a0-bea8-4444-b325-551f248de66a');
INSERT INTO "run_tags" VALUES(4,'k','🦆');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	run_id VARCHAR NOT NULL, 
	pipeline_name VARCHAR NOT NULL, 
	mode VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	root_run_id VARCHAR, 
	parent_run_id VARCHAR, 
	created_at FLOAT NOT NULL, 
	updated_at FLOAT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (run_id)
);
INSERT INTO "runs" VALUES(1,'12807bd2-cd9c-4f93-9687-9816bb815763','tables','default','SUCCESS',NULL,NULL,1.79578950728232192993e+09,1.7957895074547829628e+09,'{"pipeline_name":"tables","run_id":"12807bd2-cd9c-4f93-9687-9816bb815763","run_config":{},"mode":"default","solid_selection":null,"solids_to_execute":null,"step_keys_to_execute":null,"status":"NOT_STARTED","tags":{},"root_run_id":null,"parent_run_id":null,"pipeline_snapshot_id":null,"execution_plan_snapshot_id":null,"external_pipeline_origin":null}');
INSERT INTO "runs" VALUES(2,'aa5ed4a0-bea8-4444-b325-551f248de66a','tables','default','SUCCESS',NULL,NULL,1.79578950747494411463e+09,1.79578950769081711769e+09,'{"pipeline_name":"tables","run_id":"aa5ed4a0-bea8-4444-b325-551f248de66a","run_config":{},"mode":"default","solid_selection":null,"solids_to_execute":null,"step_keys_to_execute":null,"status":"NOT_STARTED","tags":{},"root_run_id":null,"parent_run_id":null,"pipeline_snapshot_id":null,"execution_plan_snapshot_id":null,"external_pipeline_origin":null}');
INSERT INTO "runs" VALUES(3,'ea26749e-81d8-4da7-8582-c361ebf6e6b9','tables','default','SUCCESS','aa5ed4a0-bea8-4444-b325-551f248de66a','aa5ed4a0-bea8-4444-b325-551f248de66a',1.79578950771577310562e+09,1.79578950779281306272e+09,'{"pipeline_name":"tables","run_id":"ea26749e-81d8-4da7-8582-c361ebf6e6b9","run_config":{},"mode":"default","solid_selection":null,"solids_to_execute":null,"step_keys_to_execute":null,"status":"NOT_STARTED","tags":{},"root_run_id":"aa5ed4a0-bea8-4444-b325-551f248de66a","parent_run_id":"aa5ed4a0-bea8-4444-b325-551f248de66a","pipeline_snapshot_id":null,"execution_plan_snapshot_id":null,"external_pipeline_origin":null}');
INSERT INTO "runs" VALUES(4,'it''s; drop table','other','default','NOT_STARTED',NULL,NULL,1795789507.79727,1795789507.79727,'{"pipeline_name":"other","run_id":"it''s; drop table","run_config":{},"mode":"default","solid_selection":null,"solids_to_execute":null,"step_keys_to_execute":null,"status":"NOT_STARTED","tags":{},"root_run_id":null,"parent_run_id":null,"pipeline_snapshot_id":null,"execution_plan_snapshot_id":null,"external_pipeline_origin":null}');
CREATE INDEX runs_by_root ON runs (root_run_id, id);
CREATE INDEX runs_by_parent ON runs (parent_run_id, id);
CREATE INDEX runs_by_update ON runs (updated_at, id);
CREATE INDEX runs_by_pipeline ON runs (pipeline_name, id);
CREATE INDEX runs_by_status ON runs (status, id);
CREATE INDEX run_tags_by_value ON run_tags ("key", value, run);
COMMIT;
