"""The mutants of memstore/src: file, function, what is replaced by what, and why a store that does so is broken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` stands once in `function` of `file`; `equivalent`: why nothing can tell it from the original."""

    file: str
    function: str
    old: str
    new: str
    why: str
    equivalent: str = ""

    def __str__(self) -> str:
        return f"{self.file} {self.function}: {self.why}"


M = Mutant
SYNC = "if (!status) status = ms_card_sync(m);"

MUTANTS = (
    # layout.c: what is a header, what is a record
    M(
        "layout.c",
        "ms_header_unpack",
        "|| ms_get32(sector + H_CRC) != bm_crc32(0, sector, H_CRC)",
        "",
        "no CRC of a header",
    ),
    M("layout.c", "ms_header_pack", "ms_put64(sector + H_SEQUENCE, h->sequence);", "", "a header without its sequence"),
    M("layout.c", "ms_record_crc", "bm_crc32(0, identity, MS_IDENTITY)", "0", "records of a former memory are valid"),
    M(
        "layout.c",
        "ms_record_crc",
        "return bm_crc32(crc, record + MS_R_NAME, l->record_bytes - MS_R_NAME);",
        "return crc;",
        "name and key are not in the CRC",
    ),
    M("layout.c", "ms_record_crc", "crc = bm_crc32(crc, record, MS_R_CRC);", "", "the fields are not in the CRC"),
    M("layout.c", "ms_record_valid", "ms_get16(record + MS_R_SLOT) != slot ||", "", "another slot's record is valid"),
    M(
        "layout.c",
        "ms_record_valid",
        "ms_get32(record + MS_R_CRC) != ms_record_crc(l, identity, record)",
        "0",
        "no CRC of a record",
    ),
    M(
        "layout.c",
        "ms_layout_of",
        "l->slots_per_sector = MS_SECTOR / l->slot_bytes;",
        "l->slots_per_sector = 1;",
        "one slot a sector",
        equivalent="a coarser layout is as safe; test_store.py knows the bytes",
    ),
    # card.c: the port
    M(
        "card.c",
        "ms_card_read",
        "return (uint32_t)done == bytes ? MS_OK : MS_E_IO;",
        "return MS_OK;",
        "a short read is a read",
    ),
    M("card.c", "ms_card_read", "if (done < 0) return done;", "if (done < 0) return MS_OK;", "a failed read is a read"),
    M(
        "card.c",
        "ms_card_write",
        "return whole ? MS_OK : done < 0 ? done : MS_E_IO;",
        "return done < 0 ? done : MS_OK;",
        "a short write is a write",
    ),
    M(
        "card.c",
        "ms_card_write",
        "return whole ? MS_OK : done < 0 ? done : MS_E_IO;",
        "return MS_OK;",
        "a failed write is a write",
    ),
    M("card.c", "ms_card_sync", "return status;", "return MS_OK;", "a failed barrier is a barrier"),
    M(
        "card.c",
        "ms_card_sync",
        "int status = m->port->sync(m->port->context);",
        "int status = MS_OK;",
        "no barriers at all",
    ),
    M(
        "card.c",
        "ms_card_sync",
        "if (status && m->written[copy]) m->unknown[copy] = 1;",
        "",
        "what a failed barrier covered is believed",
    ),
    M("card.c", "ms_read_slot_sector", "if (copy != MS_PRIMARY)", "if (0)", "the mirror of a slot is never read"),
    M("card.c", "ms_write_slot_sector", "if (copy != MS_PRIMARY)", "if (0)", "the mirror of a slot is never written"),
    M(
        "card.c",
        "ms_write_index_sector",
        "if (copy != MS_PRIMARY)",
        "if (0)",
        "the mirror of a record is never written",
    ),
    # cache.c
    M(
        "cache.c",
        "ms_load_slot",
        "bm_crc32(0, m->slots_read[copy] + at, l->slot_bytes) == crc",
        "1",
        "a slot's bytes without a look at their CRC",
    ),
    M("cache.c", "ms_load_slot", "copy <= MS_MIRROR", "copy < MS_MIRROR", "a slot is read from one copy alone"),
    M(
        "cache.c",
        "ms_load_slot",
        "int copy = MS_PRIMARY; copy <=",
        "int copy = MS_MIRROR; copy <=",
        "a slot is read from the mirror alone",
    ),
    M("cache.c", "ms_hot_drop", "m->hot_of[slot] = MS_NONE;", "", "the cache keeps what was dropped"),
    M(
        "cache.c",
        "ms_hot_take",
        "m->hot_of[m->hot[oldest].slot] = MS_NONE;",
        ";",
        "two slots in one entry of the cache",
    ),
    M(
        "cache.c",
        "ms_hot_take",
        "m->hot_of[slot] = oldest;",
        "",
        "what is cached is not found",
        equivalent="slower: every read comes from the card",
    ),
    # index.c
    M(
        "index.c",
        "ms_build_index_sector",
        "if (m->flags[first + i] & MS_UNSAVED)",
        "if (0)",
        "an unsaved record goes to the card",
    ),
    M(
        "index.c",
        "ms_stamp",
        "ms_put64(record + MS_R_SEQUENCE, sequence);",
        "",
        "records of one sector with several sequences",
    ),
    M(
        "index.c",
        "ms_stamp",
        "ms_record_seal(&m->header.layout, m->header.identity, record);",
        "",
        "a stamped record is not sealed",
    ),
    # slot.c
    M(
        "slot.c",
        "ms_encode_slot",
        "ms_put16(bytes + 2 * i, half);",
        "ms_put16(bytes + 2 * i, (uint16_t)(i ? half : 0));",
        "the first number of a slot is lost",
    ),
    # recover.c: which copy counts
    M("recover.c", "slot_in", "if (s->slot_status[copy]) return NULL;", "", "what could not be read is looked at"),
    M("recover.c", "record_in", "if (s->index_status[copy] ||", "if (", "records that could not be read are looked at"),
    M(
        "recover.c",
        "believed_in",
        "return record && find_slot(s, slot, ms_get32(record + MS_R_SLOT_CRC)) ? record : NULL;",
        "return record;",
        "a record counts without its slot",
    ),
    M(
        "recover.c",
        "better",
        "return ms_get64(record + MS_R_SEQUENCE) > ms_get64(than + MS_R_SEQUENCE);",
        "return ms_get64(record + MS_R_SEQUENCE) < ms_get64(than + MS_R_SEQUENCE);",
        "the older copy counts",
    ),
    M(
        "recover.c",
        "better",
        "if (is_unknown(s, copy) != is_unknown(s, other)) return is_unknown(s, other);",
        "",
        "an unknown copy counts as much",
    ),
    M("recover.c", "accept", "if (sequence > m->clock) m->clock = sequence;", "", "the clock starts again"),
    M(
        "recover.c",
        "accept",
        "if (memcmp(ours + MS_R_SLOT_CRC, record + MS_R_SLOT_CRC, 4)) ms_hot_drop(m, slot);",
        "",
        "the cache keeps what a scan has replaced",
    ),
    M("recover.c", "accept", "ms_set_record(m, slot, record);", "", "what is on the card does not get into RAM"),
    M("recover.c", "declare_lost", "record[MS_R_STATE] = MS_LOST;", "", "a loss is not told"),
    M("recover.c", "declare_lost", "if (!newest && slot_is_blank(s, slot)) return;", "return;", "a loss is never told"),
    M("recover.c", "slot_is_blank", "if (bytes[i]) return 0;", "", "what cannot be read was never there"),
    M(
        "recover.c",
        "whole_copy",
        "&& ms_get64(next + MS_R_SEQUENCE) == ms_get64(record + MS_R_SEQUENCE)",
        "",
        "a torn index sector is whole",
    ),
    M(
        "recover.c",
        "whole_copy",
        "return best >= 0 && is_unknown(s, best) ? -1 : best;",
        "return best;",
        "an unknown copy is whole",
    ),
    M("recover.c", "whole_copy", "whole && slot < end", "0", "of an index sector only the first record is looked at"),
    M(
        "recover.c",
        "build_slot_sector",
        "memcpy(data + (size_t)i * l->slot_bytes, bytes, l->slot_bytes);",
        "memcpy(data, bytes, l->slot_bytes);",
        "repaired slots in the wrong place",
    ),
    M(
        "recover.c",
        "settle",
        "int damaged = status[copy] ||",
        "int damaged =",
        "a sector that cannot be read is not repaired",
    ),
    M(
        "recover.c",
        "settle",
        "ms_write_index_sector(m, copy, sector, want)",
        "ms_write_index_sector(m, 1 - copy, sector, want)",
        "the repair goes to the good copy",
    ),
    M(
        "recover.c",
        "visit_header",
        "int status = settle(s, 0, 0, m->index_built, MS_SECTOR, MS_SECTOR);",
        "int status = MS_OK;",
        "headers are not repaired",
    ),
    M("recover.c", "fix", SYNC, "", "no barrier between the repair of one copy and of the other"),
    M(
        "recover.c",
        "fix",
        "if (!status) m->unknown[copy] = 0;",
        "m->unknown[copy] = 0;",
        "a copy whose repair failed is known",
    ),
    M("recover.c", "fill_spare", SYNC, "", "the spare copy is not on the card when it is needed"),
    M("recover.c", "fill_spare", "if (!status) status = visit(s, FILL_SPARE);", "", "an empty spare copy"),
    M(
        "recover.c",
        "ms_scan",
        "if (!status && report->kept == MS_STATE_MERGED) status = fill_spare(&s);",
        "",
        "no spare copy",
    ),
    M(
        "recover.c",
        "ms_scan",
        "int first = m->unknown[MS_PRIMARY] ? MS_PRIMARY : MS_MIRROR,",
        "int first = MS_PRIMARY,",
        "the mirror is repaired last, though it is what is unknown",
    ),
    M("recover.c", "ms_scan", "if (status) return status;", "", "a scan that could not read goes on writing"),
    M(
        "recover.c",
        "make_whole_files",
        "return ms_card_sync(m);",
        "return MS_OK;",
        "new files are not on the card before they are filled",
    ),
    # spare.c
    M(
        "spare.c",
        "ms_spare_find",
        "m->present[MS_SPARE_FILE] = !status && bytes >= ms_backup_bytes(&m->header.layout);",
        "m->present[MS_SPARE_FILE] = 0;",
        "the spare copy is not looked for",
    ),
    # open.c
    M(
        "open.c",
        "read_header",
        "if (found != MS_OK || header[i].sequence > best->sequence) *best = header[i];",
        "*best = header[i];",
        "the last header counts, not the newest",
    ),
    M(
        "open.c",
        "read_header",
        "if (differ) return settle_identity(m, header, status, best);",
        "",
        "the newest header counts, of whatever memory",
    ),
    M("open.c", "settle_identity", "|| !has_records(m, &header[i])", "", "a header without records is a memory"),
    M("open.c", "new_salt", "return salt ? salt : 1;", "return 7;", "every memory has the same salt"),
    M(
        "open.c",
        "create",
        "status = m->port->preallocate(m->port->context, *backup, ms_backup_bytes(l), 1);",
        "status = m->port->preallocate(m->port->context, *backup, ms_backup_bytes(l), 0);",
        "a new memory lies in the bytes of a deleted one",
    ),
    M(
        "open.c",
        "uncreate",
        "if (i == MS_BACKUP_FILE && m->port->sync(m->port->context)) return;",
        "",
        "a memory that could not be made never can",
    ),
    M(
        "open.c",
        "look",
        "m->present[which] = bytes >= want;",
        "m->present[which] = 1;",
        "a file that is too short is read",
    ),
    # teach.c, thing.c, forget.c
    M(
        "teach.c",
        "place_for_new",
        "return least_retained(m, !saved);",
        "return least_retained(m, 0);",
        "an unsaved episode displaces a saved one",
    ),
    M("teach.c", "save", "if (saved) return ms_save(m, change);", "", "nothing is saved"),
    M("thing.c", "ms_put_episode", "change->with_content = 1;", "", "the episode stays behind"),
    M(
        "forget.c",
        "ms_forget_slot",
        "if (m->flags[slot] & MS_UNSAVED) return forget_unsaved(m, slot);",
        "return forget_unsaved(m, slot);",
        "forgotten in RAM alone",
    ),
    # write.c
    M(
        "write.c",
        "ms_writable",
        "return m->unresolved ? ms_resolve(m) : MS_OK;",
        "return MS_OK;",
        "writes go on though it is open what is on the card",
    ),
    # header.c
    # commit.c
    M(
        "commit.c",
        "adopt",
        "memcpy(hot, change->content, l->slot_bytes);",
        ";",
        "the cache does not learn what was written",
    ),
    # log.c: the write
    # log_file.c
    # log_scan.c
    # entry.c
    # go_back.c, past.c
    # commit.c: the protocol of version 1
    M("commit.c", "adopt", "m->clock = sequence;", "", "every write has the same sequence"),
    # states.c, restore.c
    M(
        "write.c",
        "ms_resolve",
        "m->unresolved = 1;",
        "",
        "a scan that fails is not repeated",
        equivalent="whoever calls it has set it",
    ),
    # log.c, log_scan.c, entry.c: the log
    M("log.c", "ms_log_append", "if (!status) status = sync_log(m);", "", "a write without its barrier"),
    M("log.c", "ms_log_append", "status = ms_log_catch_up(m);", "status = MS_OK;", "an entry is in one lane only"),
    M("log.c", "ms_log_append", "int lane = (int)(position & 1)", "int lane = 0", "every entry goes into lane 0 first"),
    M("log.c", "ms_log_append", "m->log.end++;", "", "an entry is written over the one before"),
    M("log.c", "ms_log_settle", "if (!m->log.unsure) return MS_OK;", "return MS_OK;", "a refused write may come back"),
    M("entry.c", "crc_of", "bm_crc32(0, m->header.identity, MS_IDENTITY)", "0", "a former memory's entries count"),
    M(
        "entry.c",
        "ms_entry_unpack",
        "ms_get32(entry + MS_R_CRC) != crc_of(m, where, entry) ||",
        "",
        "no CRC of an entry",
    ),
    M(
        "log_scan.c",
        "visit_entries",
        "if (!deed->more) w->committed = w->end;",
        "w->committed = w->end;",
        "half an undo",
    ),
    M(
        "go_back.c",
        "append_all",
        "deed.more = slot != last;",
        "deed.more = 0;",
        "each slot of an undo counts by itself",
    ),
)
