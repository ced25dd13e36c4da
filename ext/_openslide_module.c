/* Module openslide._openslide: definition and state. */
#include "python/_openslide_module.h"

#include "python/cache_object.h"
#include "python/slide_object.h"

static const double LONGEST_WAIT = 10; /* seconds */

struct module_state *
state_of(PyObject *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

/* State */

struct module_state *
module_state_in(PyObject *module)
{
    return PyModule_GetState(module);
}

/* An attribute of another module of the package. */
static PyObject *
import_from(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *value = NULL;
    if (module != NULL) {
        value = PyObject_GetAttrString(module, name);
        Py_DECREF(module);
    }
    return value;
}

static bool
import_all(struct module_state *state)
{
    static const char errors[] = "openslide._errors";
    const struct {
        PyObject **target;
        const char *module, *name;
    } imports[] = {
        {&state->error, errors, "OpenSlideError"},
        {&state->unsupported_format_error, errors,
         "OpenSlideUnsupportedFormatError"},
        {&state->version_error, errors, "OpenSlideVersionError"},
        {&state->thread_plan, "openslide._threads", "plan"},
    };
    for (size_t i = 0; i < sizeof imports / sizeof imports[0]; i++) {
        *imports[i].target = import_from(imports[i].module, imports[i].name);
        if (*imports[i].target == NULL) {
            return false;
        }
    }
    return true;
}

static PyTypeObject *
add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type != NULL && PyModule_AddType(module, (PyTypeObject *)type) < 0) {
        Py_CLEAR(type);
    }
    return (PyTypeObject *)type;
}

static bool
add_functions(PyObject *module)
{
    PyMethodDef *const tables[] = {library_functions, conversion_functions,
                                   codec_functions,   resampling_functions,
                                   file_functions,    batch_functions};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (PyModule_AddFunctions(module, tables[i]) < 0) {
            return false;
        }
    }
    return true;
}

/*
 * Threads that are in libopenslide when the interpreter ends go on until they
 * want Python's lock.  What libopenslide frees at exit must not be taken from
 * under them, so the process waits for them, though not forever.
 */
static void
end_of_interpreter(void)
{
    openslide_api_wait(LONGEST_WAIT);
}

static int
module_exec(PyObject *module)
{
    struct module_state *state = module_state_in(module);
    static atomic_flag registered = ATOMIC_FLAG_INIT;
    if (!choose_instruction_sets() || !choose_jpeg_decoder() ||
        !import_all(state)) {
        return -1;
    }
    if (!atomic_flag_test_and_set(&registered) &&
        Py_AtExit(end_of_interpreter) < 0) {
        PyErr_SetString(PyExc_RuntimeError, "too many exit functions");
        return -1;
    }
    state->slide_type = add_type(module, &slide_spec);
    state->cache_type = add_type(module, &cache_spec);
    if (state->slide_type == NULL || state->cache_type == NULL) {
        return -1;
    }
    return add_functions(module) ? 0 : -1;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct module_state *state = module_state_in(module);
    Py_VISIT(state->slide_type);
    Py_VISIT(state->cache_type);
    Py_VISIT(state->error);
    Py_VISIT(state->unsupported_format_error);
    Py_VISIT(state->version_error);
    Py_VISIT(state->thread_plan);
    return 0;
}

static int
module_clear(PyObject *module)
{
    struct module_state *state = module_state_in(module);
    Py_CLEAR(state->slide_type);
    Py_CLEAR(state->cache_type);
    Py_CLEAR(state->error);
    Py_CLEAR(state->unsupported_format_error);
    Py_CLEAR(state->version_error);
    Py_CLEAR(state->thread_plan);
    return 0;
}

static void
module_free(void *module)
{
    module_clear(module);
}

/* Definition */

/* The limited API of Python 3.11 does not name these slots. */
#ifndef Py_mod_multiple_interpreters
#    define Py_mod_multiple_interpreters 3
#    define Py_MOD_PER_INTERPRETER_GIL_SUPPORTED ((void *)2)
#endif

static PyModuleDef_Slot slots_3_11[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

#define MODULE_DEFINITION(its_slots)                                          \
    {                                                                         \
        PyModuleDef_HEAD_INIT,                                                \
        .m_name = "openslide._openslide",                                     \
        .m_doc = "libopenslide for the package openslide; private to it.",    \
        .m_size = sizeof(struct module_state),                                \
        .m_slots = its_slots,                                                 \
        .m_traverse = module_traverse,                                        \
        .m_clear = module_clear,                                              \
        .m_free = module_free,                                                \
    }

static struct PyModuleDef definition_3_11 = MODULE_DEFINITION(slots_3_11);
static struct PyModuleDef definition = MODULE_DEFINITION(slots);

PyMODINIT_FUNC PyInit__openslide(void);

/* Python 3.11 refuses a slot that it does not know; 3.12 and newer refuse a
   module without it in interpreters that have a GIL of their own. */
PyMODINIT_FUNC
PyInit__openslide(void)
{
    return PyModuleDef_Init(Py_Version < 0x030c0000 ? &definition_3_11
                                                    : &definition);
}
