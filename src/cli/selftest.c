/* syncline selftest: every kernel and GEMM provider against the host. */
#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>

static void line(const char *text, bool ok, void *user) {
    (void)user;
    printf("%-6s %s\n", ok ? "ok" : "FAILED", text);
    fflush(stdout);
}

static syn_status run(cli_session *s, const char *device, int *failed) {
    int checks = 0;
    SYN_TRY(cli_session_context(s, device));
    char *text = cli_device_text(&s->device);
    printf("%s\n", text ? text : "");
    free(text);
    SYN_TRY(syn_selftest(s->ctx, line, NULL, &checks, failed));
    printf("%d checks, %d failed\n", checks, *failed);
    return SYN_OK;
}

int cli_selftest(const cli_call *call) {
    cli_session s = { 0 };
    int failed = 0;
    int code = run(&s, cli_get(call, "device"), &failed) == SYN_OK ? CLI_OK : cli_fail();
    if (code == CLI_OK && failed) {
        syn_fail(SYN_E_DEVICE,
                 "%d checks failed on %s, driver %s: do not trust results of this driver", failed,
                 s.device.name, s.device.driver);
        code = cli_fail();
    }
    cli_session_close(&s);
    return code;
}
