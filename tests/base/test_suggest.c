/* "did you mean". */
#include "base/suggest.h"

#include "support/support.h"

static void test_suggestions(void **state)
{
    (void)state;
    static const char *const words[] = {"dorefa",    "dorefa-w",      "twn",      "ttq",   "bc",
                                        "bc-scaled", "bc-stochastic", "resnet20", "lenet5"};
    static const struct {
        const char *word, *wanted;
    } cases[] = {
        {"dorefa", "dorefa"},
        {"dorfea", "dorefa"},
        {"dorefaw", "dorefa"},
        {"tnw", "twn"},
        {"tqt", "ttq"},
        {"resnet2", "resnet20"},
        {"renset20", "resnet20"},
        {"bc-scald", "bc-scaled"},
        {"bc-sto", "bc-stochastic"},
        {"bc-stochatsci", "bc-stochastic"},
        {"lenet", "lenet5"},
        {"zz", NULL},
        {"", NULL},
        {"x", NULL},
        {"mobilenet", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = lb_suggest(cases[i].word, words, sizeof words / sizeof *words);
        if (cases[i].wanted == NULL) {
            if (got != NULL) fail_msg("'%s' gave '%s', wanted nothing", cases[i].word, got);
        } else {
            if (got == NULL)
                fail_msg("'%s' gave nothing, wanted '%s'", cases[i].word, cases[i].wanted);
            assert_string_equal(got, cases[i].wanted);
        }
    }
}

static void test_long_words_and_empty_lists(void **state)
{
    (void)state;
    char word[1000];
    for (size_t i = 0; i < sizeof word; i++) word[i] = 'a';
    word[sizeof word - 1] = '\0';
    const char *const words[] = {word};
    assert_null(lb_suggest(word, words, 1));
    assert_ptr_equal(lb_suggest("aaaa", words, 1), word); /* it begins with that */
    assert_null(lb_suggest("dorefa", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_long_words_and_empty_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
