/* signal_figures_cases.h: a report.json as signal_fit.h writes it, small; only *_test.c include
 * it. The figures are made up; what they add up to is not. */
#ifndef ALM_TRAIN_SIGNAL_FIGURES_CASES_H
#define ALM_TRAIN_SIGNAL_FIGURES_CASES_H

#define CASE_SCORE(loss, name)                                                                     \
    "{\"accuracy\":0.5,\"brier\":0.6,\"confusion\":[[3,1,0],[2,2,0],[1,0,1]],\"ece\":0.03,"        \
    "\"log_loss\":" loss name                                                                      \
    ",\"reliability\":[{\"count\":0,\"frequency\":0.0,\"probability\":0.0},"                       \
    "{\"count\":10,\"frequency\":0.5,\"probability\":0.625}]}"

#define CASE_WINDOW(first, last, samples)                                                          \
    "{\"first\":\"" first "\",\"last\":\"" last "\",\"samples\":" samples "}"

#define CASE_HORIZON(bars, logistic, edge)                                                         \
    "{\"answer\":" CASE_SCORE("0.98", "") ",\"bars\":" bars ",\"classes\":["                       \
    "{\"label\":-1,\"test\":4,\"train\":40},{\"label\":0,\"test\":4,\"train\":50},"                \
    "{\"label\":1,\"test\":2,\"train\":10}],\"edge\":" edge ",\"logistic\":" logistic              \
    ",\"members\":[" CASE_SCORE("0.99", ",\"name\":\"boost\"") "," CASE_SCORE(                     \
        "1.25", ",\"name\":\"net\"") "],\"prior\":" CASE_SCORE("1.0", "") ",\"purged\":7,"         \
    "\"side\":{\"blocks\":12,\"finding\":\"no_difference_shown\",\"log_loss\":0.7,"                \
    "\"log_loss_lower_by\":-0.01,\"prior_log_loss\":0.69,\"samples\":6,"                           \
    "\"standard_error\":0.02},"                                                                    \
    "\"test\":" CASE_WINDOW("2020-03-02T09:30:00.000000Z", "2020-06-30T15:30:00.000000Z", "10")    \
    ",\"train\":" CASE_WINDOW("2019-01-02T09:30:00.000000Z", "2020-02-27T15:30:00.000000Z",        \
                              "100") ",\"verdict\":\"Horizon " bars                                \
    ": better <than> the prior.\",\"versus_prior\":{}}"

static const char CASE_REPORT[] =
    "{\"almanac_signal_report\":1,\"cut\":\"2020-03-02T00:00:00.000000Z\",\"embargo\":5,"
    "\"folds\":4,\"horizons\":["
    CASE_HORIZON("5", CASE_SCORE("1.01", ""), "true") ","
    CASE_HORIZON("10", "null", "false")
    "],\"left_out_missing\":0,\"name\":\"swing\",\"symbols\":[{\"bars\":120,\"first\":"
    "\"2019-01-02T09:30:00.000000Z\",\"last\":\"2020-06-30T15:30:00.000000Z\",\"name\":\"A&B\"},"
    "{\"bars\":0,\"name\":\"C\"}],\"test_share\":0.2}";

#endif
