#include "app/cli.h"

int main(int argc, char **argv)
{
    return almi_cli_main(argc, argv);
}
