# shellcheck shell=sh disable=SC2154
mkdir data && chmod 777 . data
[ "$(id -u)" != 0 ] || chown nobody data
# shellcheck disable=SC2086
start $as_user mariadbd --no-defaults --datadir="$PWD/data" --socket="$PWD/s" --port="$port" --bind-address=127.0.0.1 \
  --skip-grant-tables --innodb-buffer-pool-size=16M --pid-file="$PWD/data/pid" --loose-innodb-flush-log-at-trx-commit=0
{
  echo 'create database m; use m; create table t (id int primary key, v varchar(40)) engine=innodb;'
  for i in $(seq 500); do echo "insert into t values ($i, repeat('$i', 3));"; done
  echo 'select count(*), sum(length(v)) from t; select v from t where id = 77; drop table t;'
} > work.sql
mariadb --no-defaults --socket="$PWD/s" --batch < work.sql
stop TERM fds_unseen threads_unseen
