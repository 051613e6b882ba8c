-- The receipt of which a learned one says what became, later (spec/receipt.md 9.7).
ALTER TABLE receipt ADD COLUMN learned INTEGER;

CREATE UNIQUE INDEX receipt_learned ON receipt (job, learned) WHERE learned IS NOT NULL;
