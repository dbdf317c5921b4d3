/* embedding_bars_test.c: raw bars through include/almanac.h: streams, restarts, whole histories.
 * The model and what the system answered where it was made are those of tests/golden/signal. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "almanac.h"

#define FOLDER "tests/golden/signal"
#define BARS 150
#define SYMBOLS 2
#define MEMBERS 6 /* two members, three classes */
/* Floats of the net, whose steps round: 1.5e-7 where the files were made. */
#define TOLERANCE 2e-6

static almanac_error error;
static almanac_bar bars[SYMBOLS][BARS];
static double right[SYMBOLS][BARS][10]; /* class, three probabilities, members */

static void ok(almanac_status status)
{
    if (status != ALMANAC_OK) {
        fail_msg("%d: %s", status, error.message);
    }
}

static void expect(almanac_status status, almanac_status wanted, const char *words)
{
    if (status != wanted || error.status != wanted || !strstr(error.message, words)) {
        fail_msg("%d: '%s' lacks '%s'", status, error.message, words);
    }
}

/* The field and what is behind its comma; an empty one is missing. */
static double number(char **at)
{
    char *end = NULL;
    double value = strtod(*at, &end);
    value = end == *at ? NAN : value;
    *at = end + (*end == ',');
    return value;
}

/* time,volume,symbol,close,open,low,high,note; the symbols take turns: AAA, "B,B". */
static int read_golden(void **state)
{
    char line[1000];
    FILE *file = fopen(FOLDER "/bars.csv", "r"), *answers = fopen(FOLDER "/expected.csv", "r");
    (void)state;
    if (!file || !answers || !fgets(line, sizeof line, file) ||
        !fgets(line, sizeof line, answers)) {
        return -1;
    }
    for (int i = 0; i < BARS * SYMBOLS; i++) {
        almanac_bar *bar = &bars[i % SYMBOLS][i / SYMBOLS];
        if (!fgets(line, sizeof line, file)) {
            return -1;
        }
        char *at = line + strlen("2024-03-01 09:30:00,");
        bar->time = (INT64_C(1709285400) + i / SYMBOLS * 300) * 1000000;
        bar->volume = number(&at);
        at += strlen(i % SYMBOLS ? "\"B,B\"," : "AAA,");
        bar->close = number(&at);
        bar->open = number(&at);
        bar->low = number(&at);
        bar->high = number(&at);
        if (!fgets(line, sizeof line, answers)) {
            return -1;
        }
        at = line;
        for (int c = 0; c < 10; c++) {
            right[i % SYMBOLS][i / SYMBOLS][c] = number(&at);
        }
    }
    (void)fclose(file);
    (void)fclose(answers);
    return 0;
}

typedef struct answer {
    double value, confidence, probability[3], member[MEMBERS];
} answer;

static almanac_answers into(answer *a)
{
    almanac_answers answers = ALMANAC_ANSWERS_INIT;
    answers.values = &a->value;
    answers.confidences = &a->confidence;
    answers.probabilities = a->probability;
    answers.members = a->member;
    return answers;
}

static void is_right(const answer *a, const double *expected)
{
    for (int c = 0; c < 10; c++) {
        double ours = c == 0 ? a->value : c < 4 ? a->probability[c - 1] : a->member[c - 4];
        if (isnan(ours) != isnan(expected[c]) || fabs(ours - expected[c]) > TOLERANCE) {
            fail_msg("%d: %.17g and not %.17g", c, ours, expected[c]);
        }
    }
    assert_true(isnan(a->confidence) == isnan(a->value));
}

static almanac_model *open_golden(almanac_session **session)
{
    almanac_model *model = NULL;
    ok(almanac_open(FOLDER, NULL, &model, &error));
    ok(almanac_session_open(model, NULL, session, &error));
    return model;
}

/* Saved and loaded, or copied. */
static almanac_stream *moved(almanac_model *model, almanac_stream *stream, int copy)
{
    almanac_stream *again = NULL;
    size_t size = 0;
    if (copy) {
        ok(almanac_stream_copy(stream, &again, &error));
    } else {
        ok(almanac_stream_save(stream, NULL, &size, &error));
        char *bytes = malloc(size);
        size_t room = size - 1;
        expect(almanac_stream_save(stream, bytes, &room, &error), ALMANAC_LIMIT, "room for");
        assert_int_equal(room, size);
        ok(almanac_stream_save(stream, bytes, &room, &error));
        bytes[size / 2] ^= 1;
        expect(almanac_stream_load(model, bytes, size, &again, &error), ALMANAC_CORRUPT, "hash");
        bytes[size / 2] ^= 1;
        ok(almanac_stream_load(model, bytes, size, &again, &error));
        free(bytes);
    }
    assert_int_equal(almanac_stream_bars(again), almanac_stream_bars(stream));
    almanac_stream_close(stream);
    return again;
}

static void streams_answer_as_where_the_model_was_made(void **state)
{
    (void)state;
    almanac_session *session = NULL;
    almanac_stream *stream[SYMBOLS] = {NULL};
    almanac_model *model = open_golden(&session);
    almanac_info info = ALMANAC_INFO_INIT;
    ok(almanac_describe(model, &info, &error));
    assert_true(info.takes_bars && info.warmup_bars == 14); /* zscore of 10, in a window of 6 */
    for (int k = 0; k < SYMBOLS; k++) {
        ok(almanac_stream_open(model, &stream[k], &error));
    }
    for (int i = 0; i < BARS; i++) {
        for (int k = 0; k < SYMBOLS; k++) {
            answer a;
            almanac_answers answers = into(&a);
            stream[k] = i % 10 == 3 ? moved(model, stream[k], i % 20 == 3) : stream[k];
            ok(almanac_stream_update(stream[k], &bars[k][i], &error));
            ok(almanac_predict_stream(session, stream[k], &answers, &error));
            assert_true(answers.nanoseconds > 0);
            is_right(&a, right[k][i]);
        }
    }
    almanac_close(model); /* streams and session hold it */
    almanac_stream_close(stream[0]);
    almanac_session_close(session);
    almanac_stream_close(stream[1]);
}

static void a_history_gives_the_bits_of_a_stream(void **state)
{
    (void)state;
    static double values[BARS], members[BARS * MEMBERS];
    almanac_session *session = NULL;
    almanac_stream *stream = NULL;
    almanac_model *model = open_golden(&session);
    almanac_answers all = ALMANAC_ANSWERS_INIT;
    all.values = values;
    all.members = members;
    ok(almanac_predict_bars(session, bars[1], BARS, &all, &error));
    ok(almanac_stream_open(model, &stream, &error));
    for (int i = 0; i < BARS; i++) {
        answer a;
        almanac_answers answers = into(&a);
        ok(almanac_stream_update(stream, &bars[1][i], &error));
        ok(almanac_predict_stream(session, stream, &answers, &error));
        assert_memory_equal(&a.value, &values[i], sizeof a.value);
        assert_memory_equal(a.member, &members[i * MEMBERS], sizeof a.member);
    }
    almanac_stream_close(stream);
    almanac_session_close(session);
    almanac_close(model);
}

static void misuse_of_bars_is_an_error(void **state)
{
    (void)state;
    almanac_session *session = NULL, *other_session = NULL;
    almanac_stream *stream = NULL;
    almanac_model *model = open_golden(&session), *other = NULL;
    answer a;
    almanac_answers answers = into(&a);
    ok(almanac_open("tests/golden/forest/lg_dart_breast_cancer.model", NULL, &other, &error));
    expect(almanac_stream_open(other, &stream, &error), ALMANAC_UNSUPPORTED, "no bars");
    expect(almanac_stream_load(other, "x", 1, &stream, &error), ALMANAC_UNSUPPORTED, "no bars");
    expect(almanac_stream_open(NULL, &stream, &error), ALMANAC_INVALID, "a model");
    ok(almanac_session_open(other, NULL, &other_session, &error));
    expect(almanac_predict_bars(other_session, bars[0], 1, &answers, &error), ALMANAC_UNSUPPORTED,
           "no bars");
    ok(almanac_stream_open(model, &stream, &error));
    expect(almanac_predict_stream(session, stream, &answers, &error), ALMANAC_INVALID,
           "no bar yet");
    expect(almanac_predict_stream(other_session, stream, &answers, &error), ALMANAC_INVALID,
           "one model");
    ok(almanac_stream_update(stream, &bars[0][1], &error));
    expect(almanac_stream_update(stream, &bars[0][0], &error), ALMANAC_INVALID, "does not follow");
    expect(almanac_stream_update(stream, NULL, &error), ALMANAC_INVALID, "a bar");
    assert_int_equal(almanac_stream_bars(stream), 1);
    expect(almanac_predict_bars(session, NULL, 1, &answers, &error), ALMANAC_INVALID, "bars");
    almanac_bar twice[] = {bars[0][0], bars[0][0]};
    answer two[2];
    almanac_answers both = into(two);
    both.values = NULL;
    both.confidences = NULL;
    both.probabilities = NULL;
    both.members = NULL;
    expect(almanac_predict_bars(session, twice, 2, &both, &error), ALMANAC_INVALID, "bar 2: ");
    almanac_stream_close(stream);
    almanac_stream_close(NULL);
    almanac_session_close(other_session);
    almanac_session_close(session);
    almanac_close(other);
    almanac_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_answer_as_where_the_model_was_made),
        cmocka_unit_test(a_history_gives_the_bits_of_a_stream),
        cmocka_unit_test(misuse_of_bars_is_an_error),
    };
    return cmocka_run_group_tests(tests, read_golden, NULL);
}
