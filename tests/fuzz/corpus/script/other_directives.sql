-- atlas:txmode none
-- +goose NO TRANSACTION
-- migrate:up transaction:false
VACUUM;