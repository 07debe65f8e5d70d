CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT, v TEXT, n INT);
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<150000)
  INSERT INTO t SELECT x, printf('key%08x', (x*2654435761)%4294967296), 'val-'||x||'-'||hex(x*31), x%1000 FROM c;
CREATE INDEX ik ON t(k);
CREATE INDEX inv ON t(n, v);
SELECT n%10, count(*), max(length(k||v)) FROM t GROUP BY n%10;
SELECT count(DISTINCT lower(replace(v, '-', '_'))) FROM t;
SELECT sum(length(printf('%s:%d:%s', k, n, trim(v)))) FROM t WHERE k LIKE 'key%a%';
SELECT sum(json_extract(json_object('id', id, 'v', v), '$.id')) FROM t;
