BEGIN TRANSACTION;
CREATE TABLE attempts (
    job INTEGER NOT NULL, attempt INTEGER NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, sent_at REAL NOT
    NULL, failure TEXT, status INTEGER, message TEXT, request_id TEXT, retry_after_s REAL, ttft_s REAL,
    latency_s REAL, input_tokens INTEGER, output_tokens INTEGER, estimated INTEGER, partial TEXT, code TEXT, cached_tokens INTEGER, cache_write_tokens INTEGER, reasoning_tokens INTEGER, model TEXT,
    PRIMARY KEY (job, attempt)
) WITHOUT ROWID;
INSERT INTO "attempts" VALUES(0,1,'7c41','ok',1.79587404878414225572e+09,NULL,NULL,NULL,NULL,NULL,4.83045414999651256948e-01,1.103279897004540544e+00,54,16,0,NULL,NULL,0,0,0,'gpt-4o-mini');
INSERT INTO "attempts" VALUES(1,1,'a9e3','ok',1.7958740488851578235e+09,NULL,NULL,NULL,NULL,NULL,5.28912890003994107246e-01,1.16752460300631355494e+00,55,15,0,NULL,NULL,0,0,0,'gpt-4o-mini');
INSERT INTO "attempts" VALUES(2,1,'2fd8','ok',1.79587404908538174636e+09,NULL,NULL,NULL,NULL,NULL,2.89388192002661526203e-01,1.66729792299884138628e+00,54,15,0,NULL,NULL,0,0,0,'gpt-4o-mini');
INSERT INTO "attempts" VALUES(3,1,'7c41','ok',1.79587404928518295284e+09,NULL,NULL,NULL,NULL,NULL,5.00350845999491866677e-01,1.25841171299543930217e+00,54,15,0,NULL,NULL,0,0,0,'gpt-4o-mini');
INSERT INTO "attempts" VALUES(4,1,'a9e3','ok',1.79587404948474240297e+09,NULL,NULL,NULL,NULL,NULL,3.38773026996932458132e-01,9.54215967998607084155e-01,55,25,0,NULL,NULL,0,0,0,'gpt-4o-mini');
INSERT INTO "attempts" VALUES(5,1,'2fd8','ok',1.79587404968441820144e+09,NULL,NULL,NULL,NULL,NULL,3.47675817996787372976e-01,9.86643383999762590974e-01,55,16,0,NULL,NULL,0,0,0,'gpt-4o-mini');
INSERT INTO "attempts" VALUES(6,1,'7c41','ok',1.79587404988533473016e+09,NULL,NULL,NULL,NULL,NULL,4.62180511000042315572e-01,1.09739228100079344585e+00,54,16,0,NULL,NULL,0,0,0,'gpt-4o-mini');
INSERT INTO "attempts" VALUES(7,1,'a9e3','ok',1.79587405008535981173e+09,NULL,NULL,NULL,NULL,NULL,5.7316909899964230135e-01,1.42255549299443373456e+00,55,21,0,NULL,NULL,0,0,0,'gpt-4o-mini');
INSERT INTO "attempts" VALUES(8,1,'2fd8','ok',1.79587405028477358815e+09,NULL,NULL,NULL,NULL,NULL,2.34530262998305261135e-01,6.89124089003598783165e-01,54,16,0,NULL,NULL,0,0,0,'gpt-4o-mini');
INSERT INTO "attempts" VALUES(9,1,'7c41','ok',1.79587405048469138141e+09,NULL,NULL,NULL,NULL,NULL,7.50487290999444667249e-01,1.30936661300074774771e+00,54,21,0,NULL,NULL,0,0,0,'gpt-4o-mini');
INSERT INTO "attempts" VALUES(10,1,'a9e3','ok',1.79587405068517589569e+09,NULL,NULL,NULL,NULL,NULL,6.96601129995542578399e-01,1.2339943979968666099e+00,54,15,0,NULL,NULL,0,0,0,'gpt-4o-mini');
INSERT INTO "attempts" VALUES(11,1,'2fd8','ok',1.79587405088531279562e+09,NULL,NULL,NULL,NULL,NULL,1.75389607000397518277e-01,8.6169620799773838371e-01,55,16,0,NULL,NULL,0,0,0,'gpt-4o-mini');
CREATE TABLE health (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, at REAL NOT NULL, rests_s REAL NOT NULL, detail TEXT NOT NULL,
    times INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE results (
    job INTEGER PRIMARY KEY, id TEXT NOT NULL, state TEXT NOT NULL, text TEXT, expected TEXT, verdict INTEGER
    NOT NULL, key TEXT, attempts INTEGER NOT NULL, ttft_s REAL, latency_s REAL, input_tokens INTEGER,
    output_tokens INTEGER, estimated INTEGER, finish_reason TEXT, error TEXT
, endpoint TEXT, model TEXT, flags TEXT, message TEXT, reasoning TEXT, input TEXT, cached_tokens INTEGER, cache_write_tokens INTEGER, reasoning_tokens INTEGER, wait_s REAL);
INSERT INTO "results" VALUES(0,'arith-00001','done','{"expression": "12 - 42 x 2", "result": -72}','-72',1,'7c41',1,4.83045414999651256948e-01,1.103279897004540544e+00,54,16,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,3.59692797064781188964e-03);
INSERT INTO "results" VALUES(1,'arith-00002','done','{"expression": "24 + 52 - 42", "result": 34}','34',1,'a9e3',1,5.28912890003994107246e-01,1.16752460300631355494e+00,55,15,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,1.04057766497135162353e-01);
INSERT INTO "results" VALUES(2,'arith-00003','done','{"expression": "96 + 95 x 6", "result": 666}','666',1,'2fd8',1,2.89388192002661526203e-01,1.66729792299884138628e+00,54,15,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,2.03587979078292846679e-01);
INSERT INTO "results" VALUES(3,'arith-00004','done','{"expression": "96 - 4 - 59", "result": 33}','33',1,'7c41',1,5.00350845999491866677e-01,1.25841171299543930217e+00,54,15,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,2.02802494168281555175e-01);
INSERT INTO "results" VALUES(4,'arith-00005','done','{"expression": "20 + 18 + 75", "result": 113}

Let me know if you want the steps.','113',1,'a9e3',1,3.38773026996932458132e-01,9.54215967998607084155e-01,55,25,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,2.02542424201965332031e-01);
INSERT INTO "results" VALUES(5,'arith-00006','done','{"expression": "16 + 29 - 61", "result": -16}','-16',1,'2fd8',1,3.47675817996787372976e-01,9.86643383999762590974e-01,55,16,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,2.02653810381889343261e-01);
INSERT INTO "results" VALUES(6,'arith-00007','done','{"expression": "75 - 7 x 27", "result": -114}','-114',1,'7c41',1,4.62180511000042315572e-01,1.09739228100079344585e+00,54,16,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,0.203948974609375);
INSERT INTO "results" VALUES(7,'arith-00008','done','```json
{"expression": "23 x 36 x 80", "result": 66240}
```','66240',1,'a9e3',1,5.7316909899964230135e-01,1.42255549299443373456e+00,55,21,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,2.02854812145233154296e-01);
INSERT INTO "results" VALUES(8,'arith-00009','done','{"expression": "3 - 4 - 42", "result": -43}','-43',1,'2fd8',1,2.34530262998305261135e-01,6.89124089003598783165e-01,54,16,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,2.03099697828292846679e-01);
INSERT INTO "results" VALUES(9,'arith-00010','done','```json
{"expression": "9 + 76 x 91", "result": 6925}
```','6925',1,'7c41',1,7.50487290999444667249e-01,1.30936661300074774771e+00,54,21,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,2.02860772609710693359e-01);
INSERT INTO "results" VALUES(10,'arith-00011','done','{"expression": "4 x 24 + 87", "result": 183}','183',1,'a9e3',1,6.96601129995542578399e-01,1.2339943979968666099e+00,54,15,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,2.03326046466827392578e-01);
INSERT INTO "results" VALUES(11,'arith-00012','done','{"expression": "12 + 82 x 68", "result": 5588}','5588',1,'2fd8',1,1.75389607000397518277e-01,8.6169620799773838371e-01,55,16,0,'stop',NULL,'simulator','gpt-4o-mini',NULL,NULL,NULL,NULL,0,0,0,2.03160494565963745117e-01);
CREATE TABLE run (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "run" VALUES('allow_bad_lines',NULL);
INSERT INTO "run" VALUES('begun_at','2026-11-28T13:54:08+00:00');
INSERT INTO "run" VALUES('carry',NULL);
INSERT INTO "run" VALUES('check',NULL);
INSERT INTO "run" VALUES('concurrency',64);
INSERT INTO "run" VALUES('data',NULL);
INSERT INTO "run" VALUES('decided','{"endpoints": [{"name": "api.openai.com", "dialect": "openai-chat", "base_url": "https://api.openai.com/v1", "model": "gpt-4o-mini", "models": [], "options": {}, "headers": {}, "query": {}, "auth": null, "target": null}], "temperature": null, "max_tokens": null, "options": {}, "stream": true, "file": {}, "tables": null}');
INSERT INTO "run" VALUES('empty_fails',NULL);
INSERT INTO "run" VALUES('endpoint','simulator');
INSERT INTO "run" VALUES('fingerprint','c7e2187cf780f0d13d2f52f63be3ca9330b7d2235a9749682dcdd3c153550ddb');
INSERT INTO "run" VALUES('flags','{"limit": "12"}');
INSERT INTO "run" VALUES('history','{"active_s":3.142,"series":{"start_s":0.004395,"step_s":1.0,"sent":[6,5,1,0],"tokens":[0,102,69,36],"in_flight":[6.0,6.0,2.0,1.0],"ttft_p50":[0.4831,0.4622,0.6966,null],"ttft_p95":[0.529,0.5732,0.7505,null]}}');
INSERT INTO "run" VALUES('jobs',12);
INSERT INTO "run" VALUES('limit',12);
INSERT INTO "run" VALUES('models','{"7c41": "gpt-4o-mini", "a9e3": "gpt-4o-mini", "2fd8": "gpt-4o-mini"}');
INSERT INTO "run" VALUES('name','arithmetic');
INSERT INTO "run" VALUES('out',NULL);
INSERT INTO "run" VALUES('path','/home/me/sample_prompts/arithmetic.toml');
INSERT INTO "run" VALUES('prompt_column',NULL);
INSERT INTO "run" VALUES('rate','5.0');
INSERT INTO "run" VALUES('reasoning',NULL);
INSERT INTO "run" VALUES('repair',NULL);
INSERT INTO "run" VALUES('schema',NULL);
INSERT INTO "run" VALUES('seed',NULL);
INSERT INTO "run" VALUES('send',NULL);
INSERT INTO "run" VALUES('simulator','{"keys": ["sim-practice-key-0001-7c41", "sim-practice-key-0002-a9e3", "sim-practice-key-0003-2fd8"], "rpm": 600, "latency": 1.2, "first_share": 0.35, "error_rate": 0.01, "wrong_rate": 0.03, "seed": 1, "tpm": 0.0, "faults": {}, "strict": false, "cached": 0.0, "reasoning": 0}');
INSERT INTO "run" VALUES('system',NULL);
INSERT INTO "run" VALUES('template',NULL);
INSERT INTO "run" VALUES('version',3);
COMMIT;
