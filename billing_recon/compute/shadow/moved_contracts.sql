-- Contracts that the candidate moves to another plan or version, or gives other terms.
-- inputs: frozen_contracts, mapped_contracts
-- rows from: contract_mapping
SELECT DISTINCT subscription_id AS sub
FROM (
    SELECT subscription_id, plan_id, plan_version, contract, valid_from, source_file, source_row FROM mapped_contracts
    EXCEPT
    SELECT subscription_id, plan_id, plan_version, contract, valid_from, source_file, source_row FROM frozen_contracts
) AS moved
