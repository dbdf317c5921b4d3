/* head.h: rules for the head of a request that need no connection; internal to the server. */
#ifndef ALM_HTTP_HEAD_H
#define ALM_HTTP_HEAD_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "http/exchange.h"

/* 1 to 64 of [A-Za-z0-9._-]: a client's X-Request-ID that goes into logs as it is. */
bool almi_head_is_plain_id(alm_str text);
/* The trace id of a traceparent (W3C, version 00 and later ones); false: not a valid one. */
bool almi_head_take_trace_id(alm_str text, char out[ALM_TRACE_ID_DIGITS + 1]);
/* Sets id and trace id: those of the request's header fields, or made ones. `state`: of the ids of
 * one worker, random at first. */
void almi_head_name(alm_request *request, uint64_t *state);
bool almi_head_is_token(alm_str text);       /* RFC 9110, not empty: the name of a field */
bool almi_head_is_clean_value(alm_str text); /* without control characters but tab */
/* The status of a head that is refused, with *why as its detail; 0: it is not. 414 or 431: the
 * target alone, or all of it, is larger than `bytes_max`. 400: what a proxy in front may read in
 * another way than we do (request smuggling): several lengths, a length beside a coding, unknown
 * codings. `version`: "HTTP/1.1". */
int almi_head_fault(const alm_request *request, const char *version, size_t bytes_max,
                    const char **why);
/* The path of a target, without what follows '?': of "http://host/path", as a proxy is asked
 * (RFC 9112, 3.2.2), what is behind the host. */
alm_str almi_head_path_of(alm_str target);
alm_http_method almi_head_method_of(const char *text);
/* Methods of HTTP that no address takes, which is 405 and not 501: TRACE, CONNECT and QUERY. */
bool almi_head_is_never_taken(const char *method);
/* gzip is among what the client accepts, with a weight above 0. */
bool almi_head_accepts_gzip(const alm_request *request);
/* The address of the other side as text; true: it is this machine. Another kind: empty. */
bool almi_head_peer(const struct sockaddr *address, char out[INET6_ADDRSTRLEN]);
/* An IPv4 or IPv6 address with a port; its size, or 0. */
socklen_t almi_parse_address(const char *text, uint16_t port, struct sockaddr_storage *out);

#endif
