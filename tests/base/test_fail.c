/* Status codes and messages. */
#include <string.h>

#include "base/fail.h"
#include "support/support.h"

static void test_message_of_the_last_failure(void **state)
{
    (void)state;
    assert_int_equal(lb_fail(LB_E_SHAPE, "got %d, wanted %d", 3, 4), LB_E_SHAPE);
    assert_string_equal(lb_error(), "got 3, wanted 4");
}

static void test_context_stands_before_the_message(void **state)
{
    (void)state;
    (void)!lb_fail(LB_E_IO, "disk full");
    assert_int_equal(lb_fail_in(LB_E_IO, "run '%s'", "a"), LB_E_IO);
    assert_string_equal(lb_error(), "run 'a': disk full");
}

static void test_the_message_itself_may_be_an_argument(void **state)
{
    (void)state;
    (void)!lb_fail(LB_E_IO, "inner");
    (void)!lb_fail(LB_E_IO, "outer(%s)", lb_error());
    assert_string_equal(lb_error(), "outer(inner)");
}

static void test_a_message_is_one_line(void **state)
{
    (void)state;
    (void)!lb_fail(LB_E_ARG, "got '%s'", "a\nb\033[31m\x7f\t\u00e9");
    assert_string_equal(lb_error(), "got 'a?b?[31m??\u00e9'");
    (void)!lb_fail_in(LB_E_ARG, "%s", "file\r\n");
    assert_string_equal(lb_error(), "file??: got 'a?b?[31m??\u00e9'");
}

static void test_long_messages_are_cut(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)!lb_fail(LB_E_IO, "%s", text);
    const size_t length = strlen(lb_error());
    assert_in_range(length, 500, 2000);
    for (int i = 0; i < 3; i++) (void)!lb_fail_in(LB_E_IO, "context");
    assert_int_equal(strlen(lb_error()), length);
    assert_contains(lb_error(), "context: context: context: xxx");
    (void)!lb_fail_in(LB_E_IO, "%s", text); /* no room is left for what was there */
    assert_int_equal(strlen(lb_error()), length);
}

static void test_messages_are_one_line_of_plain_text(void **state)
{
    (void)state;
    (void)!lb_fail(LB_E_FORMAT, "tensor '%s'", "a\n\x1b[2J\tb\x7f d\xc3\xb6g");
    assert_string_equal(lb_error(), "tensor 'a??[2J?b? d\xc3\xb6g'");
    (void)!lb_fail(LB_E_FORMAT, "a\xc2\x9b"
                                "2J \xc2\xb5 \xc2");
    assert_string_equal(lb_error(), "a??2J \xc2\xb5 \xc2");
    (void)!lb_fail(LB_E_FORMAT, "tensor 'a??[2J?b? d\xc3\xb6g'");
    (void)!lb_fail_in(LB_E_FORMAT, "a\rb");
    assert_string_equal(lb_error(), "a?b: tensor 'a??[2J?b? d\xc3\xb6g'");
}

static void test_every_status_has_a_text_and_a_code_of_its_own(void **state)
{
    (void)state;
    bool seen[124] = {false};
#define X(name, code, text)                                                  \
    assert_string_equal(lb_status_text(name), text);                         \
    assert_in_range((code), 0, 123); /* 124 and up mean signals to shells */ \
    assert_false(seen[code]);                                                \
    seen[code] = true;
    LB_STATUS_LIST(X)
#undef X
    assert_string_equal(lb_status_text((lb_status)99), "unknown status");
}

static lb_status fail_once(int *calls)
{
    LB_TRY(lb_fail(LB_E_ARG, "first"));
    (*calls)++;
    return LB_OK;
}

static void test_try_returns_early(void **state)
{
    (void)state;
    int calls = 0;
    assert_status(fail_once(&calls), LB_E_ARG);
    assert_int_equal(calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_of_the_last_failure),
        cmocka_unit_test(test_context_stands_before_the_message),
        cmocka_unit_test(test_the_message_itself_may_be_an_argument),
        cmocka_unit_test(test_a_message_is_one_line),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_messages_are_one_line_of_plain_text),
        cmocka_unit_test(test_every_status_has_a_text_and_a_code_of_its_own),
        cmocka_unit_test(test_try_returns_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
