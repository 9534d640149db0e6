-- What is left of an erased document.

-- When the sealed payloads and wrapped keys of its content were destroyed; null while they are kept.
-- Headers and signatures of its entries stay, with nothing in `payload` and `wraps`.
ALTER TABLE document ADD COLUMN destroyed INTEGER;
