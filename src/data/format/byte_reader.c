/* Plain and compressed input behind one interface, with zlib. */
#include "data/format/byte_reader.h"

#include <string.h>

enum {
    WINDOW_BITS = 15,      /* the largest */
    GZIP_WRAPPER = 16,     /* added to the window bits: gzip instead of zlib */
    MAX_STEP = 1 << 30,    /* zlib counts in unsigned int */
    DRAIN_BYTES = 1 << 14, /* a piece to be thrown away */
    /* Deflate never expands by more than this (https://zlib.net/zlib_tech.html), so a header that
     * claims more is a lie, and is refused before anything of that size is allocated. */
    MAX_EXPANSION = 1032
};

lb_status lb_byte_reader_open(lb_byte_reader *r, const char *where, const uint8_t *data,
                              size_t bytes, lb_compression compression)
{
    *r = (lb_byte_reader){.where = where, .plain = data, .plain_bytes = bytes, .most = bytes};
    if (compression == LB_PLAIN) return LB_OK;
    if (bytes > UINT32_MAX) return lb_fail(LB_E_FORMAT, "%s: compressed data above 4 GiB", where);
    if (inflateInit2(&r->stream, WINDOW_BITS + (compression == LB_GZIP ? GZIP_WRAPPER : 0)) !=
        Z_OK) {
        return lb_fail(LB_E_NOMEM, "%s: cannot start decompression", where);
    }
    r->compressed = true;
    r->most = bytes * MAX_EXPANSION;
    r->plain_bytes = 0;
    r->stream.next_in = (z_const Bytef *)(uintptr_t)data; /* zlib only reads it */
    r->stream.avail_in = (uInt)bytes;
    return LB_OK;
}

void lb_byte_reader_close(lb_byte_reader *r)
{
    if (r->compressed) (void)inflateEnd(&r->stream);
    r->compressed = false;
}

/* Inflate up to `bytes` bytes; *got is less only at the end of the compressed data. */
static lb_status inflate_some(lb_byte_reader *r, uint8_t *out, size_t bytes, size_t *got)
{
    size_t done = 0;
    while (done < bytes && !r->ended) {
        const size_t step = bytes - done < MAX_STEP ? bytes - done : MAX_STEP;
        r->stream.next_out = out + done;
        r->stream.avail_out = (uInt)step;
        const int code = inflate(&r->stream, Z_NO_FLUSH);
        const size_t made = step - r->stream.avail_out;
        done += made;
        r->ended = code == Z_STREAM_END;
        if (code == Z_MEM_ERROR) return lb_fail(LB_E_NOMEM, "%s: decompression", r->where);
        if (code == Z_BUF_ERROR || (code == Z_OK && made == 0)) {
            return lb_fail(LB_E_FORMAT, "%s: truncated in the middle of compressed data", r->where);
        }
        if (code != Z_OK && code != Z_STREAM_END) {
            return lb_fail(LB_E_FORMAT, "%s: damaged compressed data (%s)", r->where,
                           r->stream.msg != NULL ? r->stream.msg : "unexpected dictionary");
        }
    }
    *got = done;
    return LB_OK;
}

lb_status lb_byte_reader_take(lb_byte_reader *r, void *out, size_t bytes, const char *what)
{
    size_t got = 0;
    if (r->compressed) {
        LB_TRY(inflate_some(r, out, bytes, &got));
    } else {
        got = bytes < r->plain_bytes ? bytes : r->plain_bytes;
        if (got > 0) memcpy(out, r->plain, got);
        r->plain += got;
        r->plain_bytes -= got;
    }
    if (got == bytes) return LB_OK;
    return lb_fail(LB_E_FORMAT, "%s: truncated: %s takes %zu bytes, only %zu are left", r->where,
                   what, bytes, got);
}

lb_status lb_byte_reader_expect_end(lb_byte_reader *r)
{
    size_t extra = r->plain_bytes;
    if (r->compressed) {
        uint8_t byte = 0; /* inflating one byte more also reads and checks the checksum */
        LB_TRY(inflate_some(r, &byte, 1, &extra));
        extra += r->stream.avail_in;
    }
    if (extra == 0) return LB_OK;
    return lb_fail(LB_E_FORMAT, "%s: bytes left over after the last element", r->where);
}

lb_status lb_byte_reader_drain(lb_byte_reader *r)
{
    uint8_t waste[DRAIN_BYTES];
    size_t got = sizeof waste;
    while (r->compressed && got == sizeof waste) LB_TRY(inflate_some(r, waste, sizeof waste, &got));
    r->plain_bytes = 0;
    return LB_OK;
}

lb_status lb_byte_reader_check_claim(const lb_byte_reader *r, size_t bytes)
{
    if (bytes <= r->most) return LB_OK;
    return lb_fail(LB_E_FORMAT,
                   "%s: truncated: the header promises %zu bytes, the file can hold %zu", r->where,
                   bytes, r->most);
}
