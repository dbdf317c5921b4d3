#include "batch/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "batch/read_fixture.h"

static int setup(void **state)
{
    read_fixture *f = read_fixture_create();
    const fixture_run runs[] = {
        {.run_id = "r1", .release = "demand-1", .date = "2011-12-01", .snapshot = "snapshot one",
         .has_fan = true},
        {.run_id = "r2", .release = "demand-1", .date = "2011-12-02", .snapshot = "snapshot one"}};
    fixture_add_run(f, &runs[0]);
    fixture_add_run(f, &runs[1]);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    read_fixture_destroy(*state);
    return 0;
}

static alm_verify_report verify(read_fixture *f)
{
    alm_verify_report report = {0};
    OK(f, alm_verify_predictions(f->fs, f->root, &f->stores, f->arena, &report, &f->error));
    return report;
}

/* Exactly this check complains, with these words. */
static void assert_only(const alm_verify_report *report, alm_verify_check check, const char *part)
{
    for (size_t i = 0; i < ALM_VERIFY_CHECKS; i++) {
        const alm_verify_line *line = &report->line[i];
        if (i != (size_t)check && line->problems > 0) {
            fail_msg("%s: %s", line->title, line->problem);
        }
    }
    const char *problem = report->line[check].problem;
    if (!problem || !strstr(problem, part)) {
        fail_msg("'%s' lacks '%s'", problem ? problem : "no problem", part);
    }
    alm_error error;
    assert_int_equal(alm_verify_status(report, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, part));
}

static const alm_predictions_commit *commit_at(read_fixture *f, size_t version)
{
    const alm_predictions_commit *commit;
    size_t count;
    OK(f, alm_predictions_list(f->stores.predictions, &commit, &count, &f->error));
    assert_true(version < count);
    return &commit[version];
}

/* Flips one bit in the middle of a file, whatever its permissions. */
static void damage(const char *path)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long middle = ftell(file) / 2;
    assert_int_equal(fseek(file, middle, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, middle, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
    assert_int_equal(fclose(file), 0);
}

static const char *object_path(read_fixture *f, const alm_digest *digest)
{
    const char *path;
    OK(f, alm_objects_locate(f->stores.objects, digest, f->arena, &path, &f->error));
    return path;
}

static void a_sound_store_passes(void **state)
{
    read_fixture *f = *state;
    alm_verify_report report = verify(f);
    alm_buffer out = {0};
    alm_verify_print(&report, &out);
    if (report.problems > 0) {
        fail_msg("%s", out.data);
    }
    OK(f, alm_verify_status(&report, &f->error));
    assert_int_equal(report.line[ALM_VERIFY_LOG].checked, 3);
    assert_int_equal(report.line[ALM_VERIFY_DATA].checked, 2 * FIXTURE_STEPS);
    assert_int_equal(report.line[ALM_VERIFY_MANIFEST].checked, 2);
    assert_int_equal(report.line[ALM_VERIFY_REGISTRY].checked, 2);
    assert_int_equal(report.line[ALM_VERIFY_LEDGER].checked, 4); /* 2 register, 2 run */
    assert_int_equal(report.line[ALM_VERIFY_FAN].checked, 1);
    assert_int_equal(report.line[ALM_VERIFY_LINEAGE].checked, 4);
    assert_int_equal(report.rows, 2 * FIXTURE_STEPS * FIXTURE_NODES);
    size_t lines = 0;
    for (size_t i = 0; i < out.size; i++) {
        lines += out.data[i] == '\n';
    }
    assert_int_equal(lines, ALM_VERIFY_CHECKS);
    alm_buffer_clear(&out);
    alm_verify_print_json(&report, &out);
    alm_json_document *document;
    OK(f, alm_json_parse(alm_buffer_view(&out), "verify", &document, &f->error));
    assert_int_equal(alm_json_count(alm_json_member(alm_json_root(document), "checks")),
                     ALM_VERIFY_CHECKS);
    alm_json_document_destroy(document);
    alm_buffer_deinit(&out);
}

static void finds_a_damaged_data_file(void **state)
{
    read_fixture *f = *state;
    const alm_predictions_data *data = &commit_at(f, 2)->file[1];
    damage(alm_predictions_path(f->stores.predictions, data, f->arena));
    alm_verify_report report = verify(f);
    char name[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&data->digest, name);
    assert_only(&report, ALM_VERIFY_DATA, name);
}

static void finds_a_missing_data_file(void **state)
{
    read_fixture *f = *state;
    const alm_predictions_data *data = &commit_at(f, 1)->file[0];
    assert_int_equal(unlink(alm_predictions_path(f->stores.predictions, data, f->arena)), 0);
    alm_verify_report report = verify(f);
    assert_only(&report, ALM_VERIFY_DATA, "a data file is missing");
}

static void finds_a_damaged_manifest(void **state)
{
    read_fixture *f = *state;
    damage(object_path(f, &commit_at(f, 1)->manifest));
    alm_verify_report report = verify(f);
    assert_int_equal(report.line[ALM_VERIFY_MANIFEST].problems, 1);
    assert_non_null(strstr(report.line[ALM_VERIFY_MANIFEST].problem, "run r1 (version 1)"));
    assert_int_equal(report.line[ALM_VERIFY_OBJECTS].problems, 1);
    assert_int_equal(report.problems, 2);
}

static void finds_a_damaged_fan_file_and_bundle(void **state)
{
    read_fixture *f = *state;
    alm_digest bundle = digest_of("bundle one");
    damage(object_path(f, &bundle));
    alm_verify_report report = verify(f);
    assert_int_equal(report.line[ALM_VERIFY_LINEAGE].problems, 2); /* both runs name it */
    assert_non_null(strstr(report.line[ALM_VERIFY_LINEAGE].problem, "run r1: its bundle"));
    const char *fan = alm_path_join(f->arena, f->folder, "fan.parquet");
    alm_digest digest = fixture_file_digest(f, fan);
    assert_int_equal(unlink(object_path(f, &digest)), 0);
    report = verify(f);
    assert_int_equal(report.line[ALM_VERIFY_FAN].problems, 1);
    assert_non_null(strstr(report.line[ALM_VERIFY_FAN].problem, "is not there"));
}

/* A run that only the table has: the process died after the commit. */
static void finds_a_run_that_is_not_recorded(void **state)
{
    read_fixture *f = *state;
    fixture_run run = {.run_id = "r3", .release = "demand-1", .date = "2011-12-03",
                       .snapshot = "snapshot two", .skip_registry = true};
    fixture_add_run(f, &run);
    alm_verify_report report = verify(f);
    assert_only(&report, ALM_VERIFY_REGISTRY, "run r3 (version 3) is in the table but not");
}

static void finds_a_run_whose_commit_is_gone(void **state)
{
    read_fixture *f = *state;
    const char *entry = alm_path_join(f->arena, f->root, "_delta_log/00000000000000000002.json");
    assert_int_equal(unlink(entry), 0);
    alm_verify_report report = verify(f);
    assert_only(&report, ALM_VERIFY_REGISTRY, "a known run is not in the table");
}

/* Another engine's commit, well formed and empty of data. */
static void finds_a_foreign_commit(void **state)
{
    read_fixture *f = *state;
    const char *entry = alm_path_join(f->arena, f->root, "_delta_log/00000000000000000003.json");
    OK(f, alm_fs_write_all(f->fs, entry,
                           ALM_STR("{\"commitInfo\":{\"timestamp\":999999999,\"operation\":"
                                   "\"OPTIMIZE\"}}\n"), &f->error));
    alm_verify_report report = verify(f);
    assert_true(report.line[ALM_VERIFY_FOREIGN].problems >= 1);
    assert_non_null(strstr(report.line[ALM_VERIFY_FOREIGN].problem, "version 3"));
}

/* A commit of a known shape with a manifest of ours, but of another run. */
static void finds_a_forged_run(void **state)
{
    read_fixture *f = *state;
    alm_predictions_request request = {
        .run_id = ALM_STR("evil"), .run_key = ALM_STR("evil"), .engine = "almanac/test",
        .manifest = commit_at(f, 1)->manifest, .ledger_head = commit_at(f, 1)->ledger_head,
        .timestamp = f->clock + 1000000};
    alm_predictions_file file = {.partition = {f->start, ALM_STR("demand-1"), 1}, .rows = 13};
    file.content.path = alm_predictions_path(f->stores.predictions, &commit_at(f, 2)->file[0],
                                             f->arena);
    request.file = &file;
    request.files = 1;
    int64_t version;
    OK(f, alm_predictions_commit_run(f->stores.predictions, &request, &version, &f->error));
    alm_verify_report report = verify(f);
    assert_true(report.line[ALM_VERIFY_FOREIGN].problems >= 1);
    assert_non_null(strstr(report.line[ALM_VERIFY_FOREIGN].problem,
                           "its manifest is of another run"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sound_store_passes),
        CASE(finds_a_damaged_data_file),
        CASE(finds_a_missing_data_file),
        CASE(finds_a_damaged_manifest),
        CASE(finds_a_damaged_fan_file_and_bundle),
        CASE(finds_a_run_that_is_not_recorded),
        CASE(finds_a_run_whose_commit_is_gone),
        CASE(finds_a_foreign_commit),
        CASE(finds_a_forged_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
